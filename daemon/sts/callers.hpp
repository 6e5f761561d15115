#pragma once
// Who calls, by whatever he is known: a client certificate, with a session token or without, an access key.

#include <memory>
#include <string>

#include "daemon/access/caller.hpp"
#include "daemon/base/bounded_cache.hpp"
#include "daemon/base/time.hpp"
#include "daemon/iam/access_key_secrets.hpp"
#include "daemon/iam/credentials.hpp"
#include "daemon/iam/directory_keeper.hpp"
#include "daemon/sts/session_tokens.hpp"
#include "storage/access_key_recorder.hpp"

namespace coffer::sts {

/// What callers are recognised with. All must outlive whoever has it.
struct CallersParts {
    const iam::DirectoryKeeper& keeper;
    const SessionTokens& tokens;
    iam::AccessKeySecrets& secrets;
    storage::AccessKeyRecorder& uses;
    const Clock& clock;
};

/// Thread-safe.
class Callers final : public access::CallerDirectory, public iam::Credentials {
public:
    /// Secrets of access keys, and sessions, that are kept in memory: 40 bytes each and some, in memory that
    /// is not swapped.
    static constexpr std::size_t kSecretsMax = 2'000;
    static constexpr std::size_t kSessionsMax = 2'000;

    explicit Callers(CallersParts parts) : parts_(parts) {}

    void recognise(const access::CertificateIdentity& identity, access::Recognition& known) const override {
        parts_.keeper.recognise(identity, known);
    }
    void recognise_session(std::string_view token, const access::CertificateIdentity& certificate,
                           const access::Recognition& holder, access::Recognition& known) const override;

    boost::asio::awaitable<iam::Credential> find(std::string access_key_id,
                                                 std::optional<std::string> session_token,
                                                 Deadline deadline) override;
    void used(const iam::Credential& credential, std::string_view service, std::string_view region) override;

private:
    /// A session token that was opened, and what it was good for in one state of the directory.
    struct KnownSession {
        std::string token;
        std::shared_ptr<const crypto::SecretBytes> secret;
        access::Recognition recognition;
    };

    [[nodiscard]] std::shared_ptr<const KnownSession> known_session(const std::string& access_key_id,
                                                                    const std::string& token);
    [[nodiscard]] std::shared_ptr<const KnownSession> fresh_session(const std::string& token) const;
    [[nodiscard]] iam::Credential unknown(std::string access_key_id, iam::CredentialFault fault,
                                          bool exists) const;

    const CallersParts parts_;
    BoundedCache<crypto::SecretBytes> secrets_{kSecretsMax};  ///< by access key id
    BoundedCache<KnownSession> sessions_{kSessionsMax};       ///< by access key id
};

}  // namespace coffer::sts
