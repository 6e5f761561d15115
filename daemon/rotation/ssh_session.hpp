#pragma once
// A login with a key at somebody else's SSH server, for rotation functions: libssh without its configuration
// files, its agent, or its list of known hosts.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/time.hpp"
#include "daemon/rotation/socket_deadline.hpp"

struct ssh_session_struct;

namespace coffer::rotation {

/// Where and as whom. The views must outlive the call they are given to.
struct SshLogin {
    std::string host;
    std::uint16_t port = 22;
    std::string user;
    /// As ssh-keygen writes it, without a passphrase.
    std::string_view private_key;
    /// What the server's key must be: "SHA256:...", "ssh-ed25519 AAAA...", or a line of known_hosts.
    std::string host_key;
};

/// One connection, used by one thread. It ends with its patience, whatever is under way.
class SshSession {
public:
    /// Nothing when the server refuses this user or key. Throws StepFailed: hopeless where the secret has to
    /// be changed, retry when the server cannot be reached or is not the one that `host_key` says.
    [[nodiscard]] static std::optional<SshSession> log_in(const SshLogin& login, Patience patience);

    struct Result {
        int status = 0;
        std::string output{};
    };
    /// Runs a command with `input` on its standard input. At most 256 KiB of output are taken. Throws
    /// StepFailed (retry).
    [[nodiscard]] Result run(const std::string& command, std::string_view input);

private:
    struct Close {
        void operator()(ssh_session_struct* session) const noexcept;
    };
    using Session = std::unique_ptr<ssh_session_struct, Close>;

    SshSession(std::unique_ptr<SocketDeadline> limit, Session session)
        : limit_(std::move(limit)), session_(std::move(session)) {}

    std::unique_ptr<SocketDeadline> limit_;  // outlives the session, whose end waits for the peer as well
    Session session_;
};

/// The SSH fingerprint (RFC 4648 base64 of SHA-256, "SHA256:...") that `host_key` pins, whichever form it
/// has. Throws StepFailed (hopeless) when it has none of them.
[[nodiscard]] std::string pinned_fingerprint(std::string_view host_key);

}  // namespace coffer::rotation
