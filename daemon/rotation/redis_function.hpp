#pragma once
// Passwords of Redis users (ACLs). A user has several passwords there, so a rotation has no gap: the new one
// is added, and that of before last is taken off at the end. The secret is a JSON object: host, port,
// username, password.

#include <filesystem>
#include <optional>
#include <string>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/password.hpp"
#include "daemon/rotation/redis_session.hpp"
#include "daemon/rotation/secret_fields.hpp"

namespace coffer::rotation {

struct RedisSettings {
    /// CA certificates of the server's; empty: the system's.
    std::filesystem::path ca_file;
    PasswordPolicy password;
    /// Name of the secret with an administrator's login, who changes the user's passwords. Empty: the user
    /// does, which needs the right to change any user.
    std::string admin_secret;
    /// Also at a server without an ACL file, whose restart forgets the new passwords.
    bool allow_unsaved = false;
};

class RedisFunction final : public ValueFunction {
public:
    explicit RedisFunction(RedisSettings settings) : settings_(std::move(settings)) {}
    [[nodiscard]] std::string_view kind() const noexcept override { return "redis"; }
    [[nodiscard]] bool tries_left_behind() const noexcept override { return true; }
    [[nodiscard]] std::vector<Check> check(const StepContext& context, SecretValues& values) override;

protected:
    [[nodiscard]] crypto::SecretBytes make(const StepContext& context, SecretValues& values,
                                           const crypto::SecretBytes& current) override;
    void set(const StepContext& context, SecretValues& values, const crypto::SecretBytes& pending) override;
    void test(const StepContext& context, const crypto::SecretBytes& value) override;
    void finish(const StepContext& context, SecretValues& values,
                const crypto::SecretBytes& pending) override;

private:
    [[nodiscard]] std::optional<RedisSession> log_in(const SecretFields& fields, Patience patience) const;
    /// What the server takes of AWSPREVIOUS and of what rotations left behind, for the user of `current`.
    [[nodiscard]] std::optional<SecretFields> find_earlier_login(SecretValues& values,
                                                                 const SecretFields& current,
                                                                 Patience patience) const;
    /// Logged in as who may change the user's passwords: the administrator, or the user with `login`.
    [[nodiscard]] RedisSession log_in_to_change(SecretValues& values, const SecretFields& login,
                                                Patience patience) const;
    /// Of a login that was refused: throws StepFailed (hopeless) when that is because the user is off, as far
    /// as somebody else can see that.
    void require_not_off(SecretValues& values, const SecretFields& login, Patience patience) const;
    /// What a new password is set with, once it is known that it may be.
    struct Prepared {
        RedisSession session;
        std::string user;
        std::string hash;     ///< of the new password
        bool has_it = false;  ///< the user has it already,
        bool is_set = false;  ///< and a login has shown so
    };
    /// Throws StepFailed, and changes nothing.
    [[nodiscard]] Prepared prepare(const StepContext& context, SecretValues& values,
                                   const crypto::SecretBytes& pending) const;
    /// Takes a password off the user. Throws StepFailed.
    static void take_off(RedisSession& session, const std::string& user, const std::string& hash,
                         Patience patience);
    void save(RedisSession& session, Patience patience) const;

    const RedisSettings settings_;
};

}  // namespace coffer::rotation
