#include "daemon/rotation/ssh_session.hpp"

#include <fcntl.h>
#include <libssh/libssh.h>
#include <netdb.h>
#include <openssl/evp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

#include "crypto/secret_bytes.hpp"
#include "daemon/rotation/authorized_keys.hpp"
#include "daemon/rotation/function.hpp"
#include "proto/utf8.hpp"

namespace coffer::rotation {

namespace {

using Kind = StepFailed::Kind;

constexpr std::size_t kMostOutputBytes = 256 * 1024;
constexpr std::size_t kMostSshErrorCharacters = 300;

struct FreeSshKey {
    void operator()(ssh_key key) const noexcept { ssh_key_free(key); }
};
using SshKey = std::unique_ptr<ssh_key_struct, FreeSshKey>;

struct CloseChannel {
    void operator()(ssh_channel channel) const noexcept { ssh_channel_free(channel); }
};
using Channel = std::unique_ptr<ssh_channel_struct, CloseChannel>;

struct FreeAddresses {
    void operator()(addrinfo* addresses) const noexcept { ::freeaddrinfo(addresses); }
};

/// A socket until libssh has it.
class OwnedSocket {
public:
    explicit OwnedSocket(int socket) : socket_(socket) {}
    ~OwnedSocket() {
        if (socket_ >= 0) ::close(socket_);
    }
    OwnedSocket(const OwnedSocket&) = delete;
    OwnedSocket& operator=(const OwnedSocket&) = delete;
    [[nodiscard]] int get() const noexcept { return socket_; }
    [[nodiscard]] int release() noexcept { return std::exchange(socket_, -1); }

private:
    int socket_;
};

StepFailed unreachable(const SshLogin& login, std::string_view why) {
    return {Kind::retry, "the SSH server at " + login.host + ":" + std::to_string(login.port) +
                             " cannot be used: " + proto::printable(why, kMostSshErrorCharacters)};
}

/// Empty when it is connected, else why not.
std::string try_to_connect(int socket, const addrinfo& address, Patience patience) {
    if (::connect(socket, address.ai_addr, address.ai_addrlen) == 0) return "";
    if (errno != EINPROGRESS) return std::strerror(errno);
    if (poll_until(socket, POLLOUT, patience) == 0) return "no answer in time";
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    return error == 0 ? "" : std::strerror(error);
}

int connected_socket(const SshLogin& login, Patience patience) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int failed = ::getaddrinfo(login.host.c_str(), std::to_string(login.port).c_str(), &hints, &found);
    if (failed != 0) throw unreachable(login, ::gai_strerror(failed));
    const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
    std::string why = "no address";
    for (const auto* address = found; address != nullptr; address = address->ai_next) {
        OwnedSocket socket(
            ::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, address->ai_protocol));
        if (socket.get() < 0) continue;
        why = try_to_connect(socket.get(), *address, patience);
        if (why.empty()) return socket.release();
    }
    throw unreachable(login, why);
}

std::string fingerprint_of(std::span<const std::uint8_t> blob) {
    std::array<std::uint8_t, 32> digest{};
    unsigned size = 0;
    if (EVP_Digest(blob.data(), blob.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
        throw Error("OpenSSL cannot make a digest");
    }
    std::array<unsigned char, 45> text{};
    const int length = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(digest.size()));
    std::string fingerprint = "SHA256:" + std::string(text.begin(), text.begin() + length);
    while (fingerprint.ends_with('=')) fingerprint.pop_back();
    return fingerprint;
}

std::string no_host_key() {
    return "the secret's field \"host_key\" must say which key the server has, since nothing else does: a "
           "line of "
           "'ssh-keyscan -t ed25519 -p PORT HOST', compared with what 'ssh-keygen -lf "
           "/etc/ssh/ssh_host_ed25519_key.pub' says on the host, or that fingerprint (SHA256:...)";
}

/// "ssh-ed25519" of the pin; empty for a fingerprint.
std::string type_of_pin(std::string_view host_key) {
    for (const auto* type :
         {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"}) {
        if (host_key.find(type) != std::string_view::npos) return type;
    }
    return host_key.find("ssh-rsa") != std::string_view::npos ? "rsa-sha2-512,rsa-sha2-256" : "";
}

void set_ssh_option(ssh_session session, ssh_options_e option, const void* value) {
    if (ssh_options_set(session, option, value) != SSH_OK) {
        throw StepFailed(Kind::hopeless,
                         "libssh does not take an option: " +
                             proto::printable(ssh_get_error(session), kMostSshErrorCharacters));
    }
}

void set_ssh_options(ssh_session session, const SshLogin& login, Patience patience) {
    using std::chrono::seconds;
    const bool no = false;
    const long most_seconds = std::max<std::int64_t>(
        1, std::chrono::ceil<seconds>(patience.deadline() - std::chrono::steady_clock::now()).count());
    const unsigned port = login.port;
    set_ssh_option(session, SSH_OPTIONS_PROCESS_CONFIG, &no);
    set_ssh_option(session, SSH_OPTIONS_HOST, login.host.c_str());
    set_ssh_option(session, SSH_OPTIONS_PORT, &port);
    set_ssh_option(session, SSH_OPTIONS_USER, login.user.c_str());
    set_ssh_option(session, SSH_OPTIONS_KNOWNHOSTS, "/dev/null");
    set_ssh_option(session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
    set_ssh_option(session, SSH_OPTIONS_TIMEOUT, &most_seconds);
    if (const auto type = type_of_pin(login.host_key); !type.empty()) {
        set_ssh_option(session, SSH_OPTIONS_HOSTKEYS, type.c_str());
    }
}

SshKey import_key(std::string_view text) {
    crypto::SecretBytes ended(text.size() + 1);
    std::copy(text.begin(), text.end(), ended.writable().begin());
    ssh_key key = nullptr;
    if (ssh_pki_import_privkey_base64(reinterpret_cast<const char*>(ended.view().data()), nullptr, nullptr,
                                      nullptr, &key) != SSH_OK) {
        throw StepFailed(
            Kind::hopeless,
            "the secret's field \"private_key\" is no private key that OpenSSH writes, or it has a "
            "passphrase");
    }
    return SshKey(key);
}

void require_host_key(ssh_session session, const SshLogin& login) {
    ssh_key raw = nullptr;
    if (ssh_get_server_publickey(session, &raw) != SSH_OK) throw unreachable(login, "it shows no key");
    const SshKey key(raw);
    unsigned char* hash = nullptr;
    std::size_t size = 0;
    if (ssh_get_publickey_hash(key.get(), SSH_PUBLICKEY_HASH_SHA256, &hash, &size) != SSH_OK) {
        throw Error("libssh cannot make a fingerprint");
    }
    char* text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, size);
    ssh_clean_pubkey_hash(&hash);
    const std::string shown = text == nullptr ? "" : text;
    ssh_string_free_char(text);
    if (shown == pinned_fingerprint(login.host_key)) return;
    throw StepFailed(Kind::hopeless,
                     "the server at " + login.host + ":" + std::to_string(login.port) +
                         " shows another key (" + shown +
                         ") than the secret's field \"host_key\" says; nothing was sent to it");
}

}  // namespace

std::string pinned_fingerprint(std::string_view host_key) {
    constexpr std::string_view kPrefix = "SHA256:";
    if (host_key.starts_with(kPrefix)) {
        constexpr std::size_t kCharacters = 43;  // of 32 bytes in base64 without padding
        if (host_key.size() == kPrefix.size() + kCharacters) return std::string(host_key);
        throw StepFailed(Kind::hopeless, no_host_key());
    }
    // A line of known_hosts has names where one of authorized_keys has options.
    const auto text = key_of_line(host_key);
    std::vector<std::uint8_t> blob(text.size());
    const int size = text.empty() || text.size() % 4 != 0
                         ? -1
                         : EVP_DecodeBlock(blob.data(), reinterpret_cast<const unsigned char*>(text.data()),
                                           static_cast<int>(text.size()));
    if (size <= 0) throw StepFailed(Kind::hopeless, no_host_key());
    const auto padding = static_cast<std::size_t>(std::ranges::count(text, '='));
    return fingerprint_of(std::span(blob).first(static_cast<std::size_t>(size) - padding));
}

void SshSession::Close::operator()(ssh_session session) const noexcept {
    ssh_disconnect(session);
    ssh_free(session);
}

std::optional<SshSession> SshSession::log_in(const SshLogin& login, Patience patience) {
    static_cast<void>(pinned_fingerprint(login.host_key));
    const auto key = import_key(login.private_key);
    OwnedSocket socket(connected_socket(login, patience));
    auto limit = std::make_unique<SocketDeadline>(socket.get(), patience);
    Session session(ssh_new());
    if (!session) throw std::bad_alloc();
    set_ssh_options(session.get(), login, patience);
    const int handle = socket.get();
    set_ssh_option(session.get(), SSH_OPTIONS_FD, &handle);
    static_cast<void>(socket.release());  // libssh closes it from here on
    if (ssh_connect(session.get()) != SSH_OK) throw unreachable(login, ssh_get_error(session.get()));
    require_host_key(session.get(), login);
    switch (ssh_userauth_publickey(session.get(), nullptr, key.get())) {
        case SSH_AUTH_SUCCESS:
            return SshSession(std::move(limit), std::move(session));
        case SSH_AUTH_DENIED:
            return std::nullopt;
        case SSH_AUTH_PARTIAL:
            throw StepFailed(Kind::hopeless,
                             "the SSH server wants more than the key of this user (AuthenticationMethods)");
        default:
            throw unreachable(login, ssh_get_error(session.get()));
    }
}

SshSession::Result SshSession::run(const std::string& command, std::string_view input) {
    auto* const session = session_.get();
    const auto broke = [session] {
        return StepFailed(Kind::retry, "the connection to the SSH server broke: " +
                                           proto::printable(ssh_get_error(session), kMostSshErrorCharacters));
    };
    const Channel channel(ssh_channel_new(session));
    if (!channel) throw std::bad_alloc();
    if (ssh_channel_open_session(channel.get()) != SSH_OK ||
        ssh_channel_request_exec(channel.get(), command.c_str()) != SSH_OK) {
        throw broke();
    }
    if (ssh_channel_write(channel.get(), input.data(), static_cast<std::uint32_t>(input.size())) !=
            static_cast<int>(input.size()) ||
        ssh_channel_send_eof(channel.get()) != SSH_OK) {
        throw broke();
    }
    Result result;
    std::array<char, 16 * 1024> piece{};
    while (true) {
        const int size = ssh_channel_read(channel.get(), piece.data(), piece.size(), 0);
        if (size < 0) throw broke();
        if (size == 0) break;
        result.output.append(piece.data(), static_cast<std::size_t>(size));
        if (result.output.size() > kMostOutputBytes) {
            throw StepFailed(Kind::retry, "the SSH server answers with more than was asked for");
        }
    }
    result.status = ssh_channel_get_exit_status(channel.get());
    if (result.status < 0) throw broke();
    return result;
}

}  // namespace coffer::rotation
