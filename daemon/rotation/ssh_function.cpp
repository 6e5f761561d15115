#include "daemon/rotation/ssh_function.hpp"

#include <algorithm>

#include "daemon/rotation/authorized_keys.hpp"
#include "daemon/rotation/check_list.hpp"
#include "daemon/rotation/login_guards.hpp"
#include "daemon/rotation/openssh_key.hpp"

namespace coffer::rotation {

namespace {

using Kind = StepFailed::Kind;

constexpr std::uint16_t kSshPort = 22;

struct AuthorizedKeys {
    std::string checksum;
    std::string text;
};

/// How lines of a secret's are known: only those are ever taken out. By the end of its ARN, which no other
/// secret has, of no other Coffer either: NAME-XXXXXX.
std::string mark_of(const StepContext& context) {
    return "coffer:" + context.secret_arn.substr(context.secret_arn.rfind(':') + 1) + ":";
}

StepFailed own_command() {
    return {Kind::hopeless,
            "the account does not run commands (a forced command, or a shell that is none), so its "
            "authorized_keys cannot be changed with its own key"};
}

AuthorizedKeys read_keys(SshSession& session) {
    const auto result = session.run(command_that_reads_keys(), "");
    if (result.status == 3) {
        throw StepFailed(Kind::hopeless,
                         "the account has no ~/.ssh/authorized_keys: its keys come from elsewhere");
    }
    if (result.status == 4) {
        throw StepFailed(Kind::hopeless, "the account may not change its ~/.ssh/authorized_keys");
    }
    constexpr std::string_view kPrefix = "coffer ";
    const auto end = result.output.find('\n');
    if (!result.output.starts_with(kPrefix) || end == std::string::npos) throw own_command();
    AuthorizedKeys keys{.checksum = result.output.substr(kPrefix.size(), end - kPrefix.size()),
                        .text = result.output.substr(end + 1)};
    // It becomes part of a command.
    if (result.status != 0 || keys.checksum.find_first_not_of("0123456789 ") != std::string::npos) {
        throw own_command();
    }
    if (keys.checksum != posix_checksum(keys.text)) {
        throw StepFailed(Kind::retry, "the account's authorized_keys has changed while it was read");
    }
    return keys;
}

constexpr int kChangedMeanwhile = 5;
constexpr int kNotWhole = 6;

std::string why_not_written(int status) {
    if (status == kChangedMeanwhile)
        return "somebody else has changed the account's authorized_keys meanwhile";
    if (status == kNotWhole) {
        return "the account's new authorized_keys did not arrive there as a whole, so it was left as it is";
    }
    return "the account's authorized_keys could not be written (status " + std::to_string(status) +
           "): is its disk full?";
}

void write_keys(SshSession& session, const AuthorizedKeys& read, const std::string& text) {
    const auto result = session.run(command_that_writes_keys(read.checksum, text), text);
    if (result.status == 0 && result.output == "coffer done\n") return;
    const StepFailed failed(Kind::retry, why_not_written(result.status));
    // The file takes the place of the one before in the command's last step, behind these two.
    throw result.status == kChangedMeanwhile || result.status == kNotWhole ? failed.before_any_effect()
                                                                           : failed;
}

std::optional<SshSession> log_in(const SecretFields& fields, Patience patience) {
    const auto host_key = fields.find("host_key");
    try {
        return SshSession::log_in({.host = plain_host(fields),
                                   .port = fields.port(kSshPort),
                                   .user = std::string(require_name(fields, "username")),
                                   .private_key = fields.require("private_key"),
                                   .host_key = std::string(host_key.value_or(""))},
                                  patience);
    } catch (const StepFailed& failed) {
        // No session is begun after the first change.
        throw failed.before_any_effect();
    }
}

/// The line of AWSCURRENT's key in the file. Throws StepFailed (hopeless) when the field is none.
std::string public_key_of(const SecretFields& fields) {
    std::string line(fields.require("public_key"));
    // It becomes a line of a file: whole, or not at all.
    const bool is_one_line =
        std::ranges::none_of(line, [](char c) { return (c >= '\0' && c < ' ' && c != '\t') || c == '\x7f'; });
    if (key_of_line(line).empty() || !is_one_line) {
        throw StepFailed(
            Kind::hopeless,
            "the secret's field \"public_key\" is no line such as \"ssh-ed25519 AAAA... COMMENT\"");
    }
    return line;
}

void require_same_account(const SecretFields& current, const SecretFields& other, std::string_view what) {
    require_same_server(current, other, kSshPort, what);
    if (std::string(current.require("username")) == other.require("username")) return;
    throw StepFailed(Kind::hopeless,
                     std::string(what) + " names another user than AWSCURRENT; nothing was done")
        .before_any_effect();
}

struct EarlierLogin {
    SshSession session;
    SecretFields fields;
};

/// With AWSPREVIOUS's key (a label that was moved back by hand), or one that a rotation left behind, into the
/// account of `current`.
std::optional<EarlierLogin> log_in_as_before(SecretValues& values, const SecretFields& current,
                                             Patience patience) {
    if (const auto value = values.previous()) {
        auto previous = SecretFields::parse(*value);
        require_same_account(current, previous, "AWSPREVIOUS");
        if (auto session = log_in(previous, patience)) {
            return EarlierLogin{std::move(*session), std::move(previous)};
        }
    }
    auto left = logins_as(require_name(current, "username"), values.left_behind(),
                          [&current](const SecretFields& login) {
                              require_same_account(current, login, "a version that was left behind");
                          });
    for (auto& login : left) {
        // The host's key may have changed since.
        login.set("host_key", current.find("host_key").value_or(""));
        if (auto session = log_in(login, patience)) {
            return EarlierLogin{std::move(*session), std::move(login)};
        }
    }
    return std::nullopt;
}

/// What is to be written, and by whom.
struct KeysChange {
    SshSession session;
    AuthorizedKeys before;
    std::string text;
};

/// Nothing when the key is there already. Throws StepFailed, and changes nothing.
std::optional<KeysChange> prepare(const StepContext& context, SecretValues& values,
                                  const crypto::SecretBytes& pending) {
    const auto to = SecretFields::parse(pending);
    const auto current = SecretFields::parse(values.current());
    require_same_account(current, to, "the pending version");
    // A try whose end was not seen may have set it.
    if (!context.value_is_new && log_in(to, context.patience())) return std::nullopt;
    auto session = log_in(current, context.patience());
    auto line = session ? public_key_of(current) : std::string();
    if (!session) {
        auto earlier = log_in_as_before(values, current, context.patience());
        if (!earlier) {
            throw StepFailed(
                Kind::retry,
                "the SSH server refuses the keys of AWSPENDING, AWSCURRENT and AWSPREVIOUS: add the "
                "public_key of AWSCURRENT to the account's ~/.ssh/authorized_keys by hand, then "
                "'coffer rotation retry'");
        }
        line = public_key_of(earlier->fields);
        session = std::move(earlier->session);
    }
    auto keys = read_keys(*session);
    auto changed = with_key(keys.text, public_key_of(to), line);
    if (!changed) {
        throw StepFailed(
            Kind::hopeless,
            "the key that logs in is not in the account's ~/.ssh/authorized_keys, so that another "
            "key there may not count; nothing was done");
    }
    if (*changed == keys.text) return std::nullopt;
    return KeysChange{std::move(*session), std::move(keys), std::move(*changed)};
}

}  // namespace

crypto::SecretBytes SshFunction::make(const StepContext& context, SecretValues& values,
                                      const crypto::SecretBytes& current) {
    auto fields = SecretFields::parse(current);
    static_cast<void>(plain_host(fields));
    static_cast<void>(require_name(fields, "username"));
    static_cast<void>(fields.require("private_key"));
    static_cast<void>(public_key_of(fields));
    static_cast<void>(pinned_fingerprint(fields.find("host_key").value_or("")));
    const auto key =
        make_openssh_key(values.random(kOpensshSeedBytes).view(), values.random(kOpensshCheckBytes).view(),
                         mark_of(context) + context.token);
    fields.set("private_key", key.private_key.text());
    fields.set("public_key", key.public_key);
    return fields.text();
}

void SshFunction::set(const StepContext& context, SecretValues& values, const crypto::SecretBytes& pending) {
    auto change = before_any_effect([&] { return prepare(context, values, pending); });
    if (change) write_keys(change->session, change->before, change->text);
}

void SshFunction::test(const StepContext& context, const crypto::SecretBytes& value) {
    if (!log_in(SecretFields::parse(value), context.patience())) {
        throw StepFailed(Kind::retry,
                         "the SSH server refuses the new key; does it take ssh-ed25519 "
                         "(PubkeyAcceptedAlgorithms)?");
    }
}

void SshFunction::finish(const StepContext& context, SecretValues& values,
                         const crypto::SecretBytes& pending) {
    // AWSPREVIOUS was AWSCURRENT a moment ago when somebody has moved the label already.
    if (values.new_is_current()) return;
    // AWSCURRENT is AWSPREVIOUS next. Whatever else this secret has put there is of no use to anybody: the
    // key that was AWSPREVIOUS, and those of values that were replaced by hand.
    const auto to = SecretFields::parse(pending);
    const auto current = SecretFields::parse(values.current());
    auto session = log_in(to, context.patience());
    if (!session) throw StepFailed(Kind::retry, "the SSH server refuses the new key");
    const auto keys = read_keys(*session);
    const auto changed =
        without_others(keys.text, mark_of(context), public_key_of(to), public_key_of(current));
    if (changed.size() < keys.text.size()) write_keys(*session, keys, changed);
}

std::vector<Check> SshFunction::check(const StepContext& context, SecretValues& values) {
    CheckList checks;
    const auto value = values.current();
    std::optional<SshSession> session;
    const auto fields = checks.look_at_login(
        value, [&] { static_cast<void>(make(context, values, value)); },
        [&](const SecretFields& login) {
            session = log_in(login, context.patience());
            return session.has_value();
        },
        "the SSH server refuses the key of AWSCURRENT");
    if (!fields) return checks.take();
    checks.look("authorized keys", "the account may change its authorized_keys, and the key is in it", [&] {
        const auto line = public_key_of(*fields);
        if (!with_key(read_keys(*session).text, line, line)) {
            throw StepFailed(Kind::hopeless,
                             "the key of AWSCURRENT is not in the account's ~/.ssh/authorized_keys");
        }
    });
    return checks.take();
}

}  // namespace coffer::rotation
