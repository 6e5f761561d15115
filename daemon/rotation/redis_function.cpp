#include "daemon/rotation/redis_function.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "daemon/base/bytes.hpp"
#include "daemon/base/errors.hpp"
#include "daemon/rotation/check_list.hpp"
#include "daemon/rotation/login_guards.hpp"

namespace coffer::rotation {

namespace {

using Kind = StepFailed::Kind;

constexpr std::uint16_t kRedisPort = 6379;

/// What Redis keeps of a password, and takes for it: "#HASH" adds one, "!HASH" takes it off. So the password
/// is in no command but AUTH, which Redis keeps out of its logs.
std::string sha256_hex(std::string_view password) {
    std::array<std::uint8_t, 32> digest{};
    unsigned size = 0;
    if (EVP_Digest(password.data(), password.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1 ||
        size != digest.size()) {
        throw Error("OpenSSL cannot make a digest");
    }
    return to_hex(digest);
}

std::string hash_of(const SecretFields& fields) {
    return sha256_hex(require_password(fields));
}

/// Whether Redis says this in place of running a command.
bool is_told_in_place_of_running(const RedisReply& reply) {
    constexpr std::array<std::string_view, 4> kCodes{"NOPERM", "NOAUTH", "LOADING", "BUSY"};
    return std::ranges::any_of(kCodes, [&reply](std::string_view code) { return reply.is_error(code); });
}

/// Throws unless the answer is OK.
void require_ok(const RedisReply& reply, const std::string& what) {
    if (reply.is_ok()) return;
    const StepFailed failed =
        reply.is_error("NOPERM")
            ? StepFailed(Kind::hopeless, "the login that changes passwords may not run " + what +
                                             " at the Redis server: it needs +acl|setuser +acl|getuser "
                                             "+acl|save")
            : StepFailed(Kind::retry, "the Redis server refuses " + what + ": " + redis_error_code(reply));
    throw is_told_in_place_of_running(reply) ? failed.before_any_effect() : failed;
}

struct RedisUser {
    bool takes_any_password = false;
    bool is_off = false;
    std::vector<std::string> hashes;
};

/// Throws StepFailed (hopeless) when there is no such user: ACL SETUSER would make one.
RedisUser look_up(RedisSession& session, const std::string& name, Patience patience) {
    const auto reply = session.ask({"ACL", "GETUSER", name}, patience);
    if (reply.kind == RedisReply::Kind::nothing) {
        throw StepFailed(Kind::hopeless, "the Redis server has no user " + name);
    }
    if (reply.kind != RedisReply::Kind::list) require_ok(reply, "ACL GETUSER");
    RedisUser user;
    for (std::size_t i = 0; i + 1 < reply.list.size(); i += 2) {
        const auto& items = reply.list[i + 1].list;
        if (reply.list[i].text == "flags") {
            const auto has = [&items](std::string_view wanted) {
                return std::ranges::any_of(items,
                                           [wanted](const RedisReply& flag) { return flag.text == wanted; });
            };
            user.takes_any_password = has("nopass");
            user.is_off = has("off");
        } else if (reply.list[i].text == "passwords") {
            for (const auto& hash : items) user.hashes.push_back(hash.text);
        }
    }
    return user;
}

bool has_no_file(const RedisReply& reply) {
    return reply.is_error("ERR") && reply.text.find("ACL file") != std::string::npos;
}

/// Of AWSPREVIOUS and of what rotations left behind, what is for the server and the user of `login`.
std::vector<SecretFields> earlier_logins(SecretValues& values, const SecretFields& login) {
    auto earlier = values.left_behind();
    if (auto previous = values.previous()) earlier.insert(earlier.begin(), std::move(*previous));
    return logins_as(login.require("username"), earlier, [&login](const SecretFields& other) {
        require_same_server(login, other, kRedisPort, "a version of before");
        static_cast<void>(require_password(other));
    });
}

StepFailed all_refused(const std::string& user) {
    return StepFailed(Kind::retry,
                      "the Redis server refuses the passwords of AWSPENDING, AWSCURRENT and AWSPREVIOUS: add "
                      "that of AWSCURRENT by hand (ACL SETUSER " +
                          user + " >PASSWORD, ACL SAVE), and see that the user is on (ACL SETUSER " + user +
                          " on), then 'coffer rotation retry'")
        .before_any_effect();
}

StepFailed without_a_file() {
    return {Kind::hopeless,
            "the Redis server has no ACL file, so that a restart would forget the new password; nothing was "
            "done. Give it one ('aclfile' in redis.conf), or set 'allow_unsaved = true' for this rotation "
            "function"};
}

}  // namespace

std::optional<RedisSession> RedisFunction::log_in(const SecretFields& fields, Patience patience) const {
    try {
        auto session =
            RedisSession::connect(plain_host(fields), fields.port(kRedisPort), settings_.ca_file, patience);
        if (!session.log_in(require_name(fields, "username"), require_password(fields), patience)) {
            return std::nullopt;
        }
        return session;
    } catch (const StepFailed& failed) {
        // No session is begun after the first change.
        throw failed.before_any_effect();
    }
}

RedisSession RedisFunction::log_in_to_change(SecretValues& values, const SecretFields& login,
                                             Patience patience) const {
    if (settings_.admin_secret.empty()) {
        auto session = log_in(login, patience);
        if (!session) throw StepFailed(Kind::retry, "the Redis server refuses the user's own login");
        return std::move(*session);
    }
    const auto admin = administrator_login(values, settings_.admin_secret, login, kRedisPort);
    auto session = log_in(admin, patience);
    if (!session) throw administrator_refused(settings_.admin_secret);
    return std::move(*session);
}

crypto::SecretBytes RedisFunction::make(const StepContext& context, SecretValues& values,
                                        const crypto::SecretBytes& current) {
    auto fields = SecretFields::parse(current);
    static_cast<void>(plain_host(fields));
    static_cast<void>(require_name(fields, "username"));
    static_cast<void>(require_password(fields));
    const auto password = make_password(settings_.password.of(context.secret_name), values);
    fields.set("password", password.text());
    return fields.text();
}

std::optional<SecretFields> RedisFunction::find_earlier_login(SecretValues& values,
                                                              const SecretFields& current,
                                                              Patience patience) const {
    for (auto& login : earlier_logins(values, current)) {
        if (log_in(login, patience)) return std::move(login);
    }
    return std::nullopt;
}

void RedisFunction::require_not_off(SecretValues& values, const SecretFields& login,
                                    Patience patience) const {
    // Redis says the same to a user that is off as to a wrong password. Without an administrator nobody can
    // look.
    if (settings_.admin_secret.empty()) return;
    const std::string user(login.require("username"));
    auto session = log_in_to_change(values, login, patience);
    if (!look_up(session, user, patience).is_off) return;
    throw StepFailed(Kind::hopeless,
                     "the Redis user " + user +
                         " is off, so that it logs in with no password; nothing was done. Turn it "
                         "on (ACL SETUSER " +
                         user + " on, ACL SAVE), then 'coffer rotation retry'");
}

void RedisFunction::save(RedisSession& session, Patience patience) const {
    const auto reply = session.ask({"ACL", "SAVE"}, patience);
    if (has_no_file(reply)) {
        if (settings_.allow_unsaved) return;
        throw without_a_file();
    }
    require_ok(reply, "ACL SAVE");
}

RedisFunction::Prepared RedisFunction::prepare(const StepContext& context, SecretValues& values,
                                               const crypto::SecretBytes& pending) const {
    auto to = SecretFields::parse(pending);
    const auto current = SecretFields::parse(values.current());
    require_same_server(current, to, kRedisPort, "the pending version");
    std::string user(require_name(current, "username"));
    if (to.require("username") != user) {
        throw StepFailed(Kind::hopeless,
                         "the pending version names another user than AWSCURRENT; nothing was done");
    }
    const auto patience = context.patience();
    // A try whose end was not seen may have set it; whether it was saved is not known then.
    const bool is_set = !context.value_is_new && log_in(to, patience).has_value();
    std::optional<SecretFields> earlier;
    if (!is_set && !log_in(current, patience)) {
        require_not_off(values, current, patience);
        earlier = find_earlier_login(values, current, patience);
        if (!earlier) throw all_refused(user);
    }
    auto session = log_in_to_change(values, is_set ? to : earlier ? *earlier : current, patience);
    const auto before = look_up(session, user, patience);
    if (before.takes_any_password) {
        throw StepFailed(Kind::hopeless, "the Redis user " + user +
                                             " takes any password (nopass); give it one of its own first: "
                                             "ACL SETUSER " +
                                             user + " resetpass >PASSWORD");
    }
    auto hash = hash_of(to);
    const bool has_it = std::ranges::find(before.hashes, hash) != before.hashes.end();
    return {.session = std::move(session),
            .user = std::move(user),
            .hash = std::move(hash),
            .has_it = has_it,
            .is_set = is_set};
}

void RedisFunction::set(const StepContext& context, SecretValues& values,
                        const crypto::SecretBytes& pending) {
    auto [session, user, hash, has_it, is_set] =
        before_any_effect([&] { return prepare(context, values, pending); });
    const auto patience = context.patience();
    if (!is_set) require_ok(session.ask({"ACL", "SETUSER", user, "#" + hash}, patience), "ACL SETUSER");
    try {
        save(session, patience);
    } catch (const StepFailed& failed) {
        // Nothing is left behind of a password that nobody can be told of; what was there before this try
        // stays: it may be AWSCURRENT's by now.
        const bool is_ours = !is_set && !has_it && !values.new_is_current() &&
                             hash != hash_of(SecretFields::parse(values.current()));
        if (failed.kind() != Kind::hopeless || !is_ours) throw failed.after_an_effect();
        take_off(session, user, hash, patience);
        throw failed.before_any_effect();
    }
}

void RedisFunction::take_off(RedisSession& session, const std::string& user, const std::string& hash,
                             Patience patience) {
    try {
        require_ok(session.ask({"ACL", "SETUSER", user, "!" + hash}, patience), "ACL SETUSER");
    } catch (const StepFailed& failed) {
        throw failed.after_an_effect();
    }
}

void RedisFunction::test(const StepContext& context, const crypto::SecretBytes& value) {
    if (!log_in(SecretFields::parse(value), context.patience())) {
        throw StepFailed(Kind::retry, "the Redis server refuses the new login");
    }
}

void RedisFunction::finish(const StepContext& context, SecretValues& values,
                           const crypto::SecretBytes& pending) {
    // AWSPREVIOUS was AWSCURRENT a moment ago when somebody has moved the label already.
    if (values.new_is_current()) return;
    // AWSPREVIOUS still is the value that was so before: AWSCURRENT takes its place next.
    const auto to = SecretFields::parse(pending);
    const auto current = SecretFields::parse(values.current());
    std::vector<std::string> of_before;
    for (const auto& login : earlier_logins(values, to)) {
        const auto hash = hash_of(login);
        if (hash != hash_of(to) && hash != hash_of(current)) of_before.push_back(hash);
    }
    if (of_before.empty()) return;
    const std::string user(to.require("username"));
    auto session = log_in_to_change(values, to, context.patience());
    const auto hashes = look_up(session, user, context.patience()).hashes;
    std::erase_if(of_before, [&hashes](const std::string& hash) {
        return std::ranges::find(hashes, hash) == hashes.end();
    });
    for (const auto& hash : of_before) take_off(session, user, hash, context.patience());
    if (!of_before.empty()) save(session, context.patience());
}

std::vector<Check> RedisFunction::check(const StepContext& context, SecretValues& values) {
    CheckList checks;
    const auto value = values.current();
    const auto fields = checks.look_at_login(
        value, [&] { static_cast<void>(make(context, values, value)); },
        [&](const SecretFields& login) {
            if (log_in(login, context.patience())) return true;
            require_not_off(values, login, context.patience());
            return false;
        },
        "the Redis server refuses the login of AWSCURRENT, or the user is off");
    if (!fields) return checks.take();
    checks.look("rights", "the login that changes passwords may do so", [&] {
        auto session = log_in_to_change(values, *fields, context.patience());
        const std::string user(fields->require("username"));
        if (look_up(session, user, context.patience()).takes_any_password) {
            throw StepFailed(Kind::hopeless, "the Redis user " + user + " takes any password (nopass)");
        }
        // Redis 7 says whether a user could; older ones do not know DRYRUN.
        const auto me = session.ask({"ACL", "WHOAMI"}, context.patience());
        const auto dry = session.ask({"ACL", "DRYRUN", me.text, "ACL", "SETUSER", user}, context.patience());
        if (dry.kind == RedisReply::Kind::text && !dry.is_ok()) {
            throw StepFailed(Kind::hopeless, "the login that changes passwords lacks +acl|setuser");
        }
    });
    return checks.take();
}

}  // namespace coffer::rotation
