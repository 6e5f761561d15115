#pragma once
// Passwords of a server's users, whichever the product: of one user that changes its own, or of two that take
// turns. What is done when, and what is never touched, is decided here; the products say how.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/password.hpp"
#include "daemon/rotation/secret_fields.hpp"

namespace coffer::rotation {

/// What is particular to a product.
struct LoginProduct {
    std::string_view name{};
    /// What the secret's field "engine" may say, where it is there.
    std::vector<std::string_view> engines{};
    /// Where the secret names none.
    std::uint16_t port = 0;
    std::string_view database{};
    /// Of a user's name.
    std::size_t most_name_bytes = 0;
    /// The second user is given the rights of the first at each of its turns: a login that works does not say
    /// that the turn is complete.
    bool copies_rights = false;
    /// check_own() looks at something.
    bool checks_own = false;
    /// What else than a wrong password a server that refuses one may mean: "a user that ...".
    std::string_view refusal_may_mean{};
};

/// The user whose rights both have: NAME of NAME and NAME_clone.
[[nodiscard]] std::string_view first_user(std::string_view user);
/// NAME_clone of NAME and NAME_clone.
[[nodiscard]] std::string second_user(std::string_view user);
/// The user that takes turns with `user`. Throws StepFailed when its name would be over the product's limit.
[[nodiscard]] std::string other_user(std::string_view user, const LoginProduct& product);

class LoginFunction : public ValueFunction {
public:
    [[nodiscard]] bool tries_left_behind() const noexcept final { return !alternates(); }
    [[nodiscard]] std::vector<Check> check(const StepContext& context, SecretValues& values) final;

protected:
    /// `admin_secret`: name of the secret with an administrator's login: then two users take turns, NAME and
    /// NAME_clone. Empty: one user changes its own password.
    LoginFunction(LoginProduct product, PasswordPolicy password, std::string admin_secret)
        : product_(std::move(product)),
          password_(std::move(password)),
          admin_secret_(std::move(admin_secret)) {}

    [[nodiscard]] crypto::SecretBytes make(const StepContext& context, SecretValues& values,
                                           const crypto::SecretBytes& current) final;
    void set(const StepContext& context, SecretValues& values, const crypto::SecretBytes& pending) final;
    void test(const StepContext& context, const crypto::SecretBytes& value) final;

    /// What a turn of one of two users is taken with.
    struct Turn {
        const SecretFields& admin;
        /// It has logged in.
        const SecretFields& current;
        const SecretFields& pending;
        /// As StepContext has it, of pending's password.
        bool value_is_new = false;
        /// `pending` logs in already.
        bool pending_logs_in = false;
        /// Whether AWSPREVIOUS, or what a rotation left behind, logs in as pending's user: whoever wrote this
        /// secret has had that user already.
        std::function<bool()> earlier_logs_in;
        Patience patience;
    };

    [[nodiscard]] const LoginProduct& product() const noexcept { return product_; }
    [[nodiscard]] const std::string& admin_secret() const noexcept { return admin_secret_; }

    /// False when the server refuses this user or password. All of these throw StepFailed besides.
    [[nodiscard]] virtual bool logs_in(const SecretFields& login, Patience patience) = 0;
    /// Whether the server takes this user's password, whatever the user may do there: of one that is about to
    /// be given its rights.
    [[nodiscard]] virtual bool has_password(const SecretFields& login, Patience patience) {
        return logs_in(login, patience);
    }
    /// Logs in, and has the user set its own password to pending's. False when the login is refused. What
    /// fails before the server is told of the password says so (StepFailed::without_effect()).
    [[nodiscard]] virtual bool change_own(const SecretFields& login, const SecretFields& pending,
                                          const StepContext& context) = 0;
    /// Has the administrator make pending's user, or set its password. As change_own() where it fails.
    virtual void change_other(const Turn& turn) = 0;
    /// Whether the administrator may do that, and change_other() would not refuse; says in the exception what
    /// is in the way. Changes nothing.
    virtual void check_other(const Turn& turn) = 0;
    /// Whether the user's own session can change anything.
    virtual void check_own(const SecretFields& /*login*/, Patience /*patience*/) {}

private:
    [[nodiscard]] bool alternates() const noexcept { return !admin_secret_.empty(); }
    [[nodiscard]] std::string_view database_of(const SecretFields& fields) const;
    void require_same_database(const SecretFields& current, const SecretFields& other,
                               std::string_view what) const;
    [[nodiscard]] bool earlier_logs_in_as(const std::string& user, SecretValues& values,
                                          const SecretFields& current, Patience patience);
    [[nodiscard]] std::vector<SecretFields> left_behind(const std::string& user, SecretValues& values,
                                                        const SecretFields& current) const;
    /// Of two users: AWSCURRENT was moved to `pending` by hand. Throws StepFailed when `pending` is no new
    /// login of what `current` is one of.
    [[nodiscard]] bool is_moved_to(const SecretFields& pending, const SecretFields& current,
                                   SecretValues& values) const;
    void set_own(const StepContext& context, SecretValues& values, const SecretFields& current,
                 const SecretFields& pending);
    /// `is_set`: the server has pending's password already.
    void set_other(const StepContext& context, SecretValues& values, const SecretFields& current,
                   const SecretFields& pending, bool is_set);
    /// Of two users, when somebody has made the new version AWSCURRENT by hand.
    void set_moved(const StepContext& context, SecretValues& values, const SecretFields& pending);
    /// What follows the words for a refused login.
    [[nodiscard]] std::string refusal_hint() const;

    const LoginProduct product_;
    const PasswordPolicy password_;
    const std::string admin_secret_;
};

}  // namespace coffer::rotation
