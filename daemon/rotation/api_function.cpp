#include "daemon/rotation/api_function.hpp"

#include <algorithm>

#include "daemon/base/bytes.hpp"
#include "daemon/rotation/check_list.hpp"
#include "daemon/rotation/secret_fields.hpp"

namespace coffer::rotation {

using crypto::SecretBytes;
using Kind = StepFailed::Kind;

namespace {

constexpr std::string_view kAdmin = "admin.";
constexpr std::string_view kNew = "new.";
constexpr unsigned kUnauthorized = 401;
constexpr unsigned kForbidden = 403;
constexpr unsigned kNotFound = 404;
constexpr unsigned kGone = 410;

std::string status_of(const HttpsAnswer& answer) {
    return "the status " + std::to_string(answer.status);
}

/// The field with which Coffer knows again what it made.
constexpr std::string_view kMarkField = "coffer_mark";

/// The key in `fields`, to be marked.
Bytes key_of(const SecretFields& fields, const std::map<std::string, std::string>& take) {
    CanonicalEncoder key("coffer/rotation/api-key/v1");
    for (const auto& each : take) key.text(each.first).text(fields.find(each.first).value_or(""));
    return key.take();
}

/// Whether `a` and `b` have the same key.
bool same_key(const SecretFields& a, const SecretFields& b, const std::map<std::string, std::string>& take) {
    return std::ranges::all_of(take,
                               [&](const auto& each) { return a.find(each.first) == b.find(each.first); });
}

/// Whether `value` is of the form that it should have, and lacks a key. What is wrong with another one is for
/// the test of its key to say.
bool has_no_key(const SecretBytes& value, const std::map<std::string, std::string>& take) {
    try {
        const auto fields = SecretFields::parse(value);
        return !std::ranges::all_of(
            take, [&fields](const auto& each) { return fields.find(each.first).has_value(); });
    } catch (const StepFailed&) {
        return false;
    }
}

}  // namespace

/// What the places of a call's texts stand for.
struct ApiFunction::Fields {
    const StepContext& context;
    SecretFields subject;
    std::optional<SecretFields> admin{};
    std::optional<SecretFields> fresh{};

    [[nodiscard]] std::string_view operator()(std::string_view name) const {
        if (name == "coffer.token") return context.token;
        if (name == "coffer.secret") return context.secret_name;
        if (admin && name.starts_with(kAdmin)) return admin->require(name.substr(kAdmin.size()));
        if (fresh && name.starts_with(kNew)) return fresh->require(name.substr(kNew.size()));
        return subject.require(name);
    }
};

ApiFunction::Fields ApiFunction::fields_of(const StepContext& context, SecretValues& values,
                                           const SecretBytes& subject) const {
    Fields fields{context, SecretFields::parse(subject)};
    if (!settings_.admin_secret.empty()) {
        const auto admin = values.current_of(settings_.admin_secret);
        if (!admin) {
            throw StepFailed(Kind::hopeless, "there is no secret \"" + settings_.admin_secret +
                                                 "\", which the function's admin_secret names");
        }
        fields.admin = SecretFields::parse(*admin);
    }
    return fields;
}

HttpsRequest ApiFunction::request_of(const ApiCall& call, const Fields& fields) const {
    const auto lookup = [&fields](std::string_view name) { return fields(name); };
    HttpsRequest request;
    request.method = call.method;
    request.target = call.path.fill(lookup, Escape::path);
    for (const auto& [name, value] : call.headers) {
        request.headers.push_back({name, value.fill(lookup, Escape::header)});
    }
    request.content_type = call.content_type;
    request.body = call.body.fill(lookup, call.body_escape);
    return request;
}

HttpsRequest ApiFunction::request(const StepContext& context, SecretValues& values,
                                  const SecretBytes& current) {
    return request_of(settings_.create, fields_of(context, values, current));
}

SecretBytes ApiFunction::value_from(const HttpsAnswer& answer, const SecretBytes& current,
                                    SecretValues& values) {
    auto fields = SecretFields::parse(current);
    const auto got = members_of(answer);
    for (const auto& [field, pointer] : settings_.take) {
        const auto value = text_at(got, pointer);
        if (!value || value->empty()) {
            throw StepFailed(Kind::hopeless, "nothing at " + pointer + " for the field \"" + field +
                                                 "\" of the function's 'take'");
        }
        fields.set(field, *value);
    }
    if (settings_.remove) fields.set(kMarkField, values.mark_of(key_of(fields, settings_.take)));
    return fields.text();
}

std::string ApiFunction::said(const HttpsAnswer& answer) const {
    return "the API answers the making of a key with " + status_of(answer);
}

std::string ApiFunction::remedy(const HttpsAnswer& answer) const {
    return answer.status == kUnauthorized || answer.status == kForbidden
               ? ": what the call is authorized with is not taken"
               : ": correct the function's 'create'";
}

std::string ApiFunction::when_lost() const {
    return ": a key may have been made whose answer was lost, and no second one is made by itself. Remove it "
           "at the API "
           "if it is there; then 'coffer rotation retry' goes on";
}

void ApiFunction::test(const StepContext& context, const SecretBytes& value) {
    const Fields fields{context, SecretFields::parse(value)};
    for (const auto& each : settings_.take) static_cast<void>(fields.subject.require(each.first));
    if (!settings_.test) return;
    const auto answer = call(server(), request_of(*settings_.test, fields), context.patience());
    if (!answer.is_success()) {
        throw StepFailed(Kind::retry, "the API answers the new key's test with " + status_of(answer));
    }
}

void ApiFunction::finish(const StepContext& context, SecretValues& values, const SecretBytes& pending) {
    // Where AWSCURRENT was moved by hand, AWSPREVIOUS was current a moment ago.
    if (!settings_.remove || values.new_is_current()) return;
    const auto previous = values.previous();
    if (!previous) return;
    HttpsRequest request;
    try {
        auto fields = fields_of(context, values, *previous);
        fields.fresh = SecretFields::parse(pending);
        // Labels may have been moved by hand: a key that is in use is not removed.
        const bool in_use = same_key(fields.subject, *fields.fresh, settings_.take) ||
                            same_key(fields.subject, SecretFields::parse(values.current()), settings_.take);
        if (in_use) return;
        // Whoever may write the secret must not name a key that the administrator then removes.
        const auto mark = fields.subject.find(kMarkField);
        if (!mark || !values.is_mark_of(std::string(*mark), key_of(fields.subject, settings_.take))) return;
        request = request_of(*settings_.remove, fields);
    } catch (const StepFailed& failed) {
        throw StepFailed(failed.kind(), std::string("the key of AWSPREVIOUS cannot be removed at the API: ") +
                                            failed.what());
    }
    const auto answer = call(server(), request, context.patience());
    if (answer.is_success() || answer.status == kNotFound || answer.status == kGone) return;
    throw StepFailed(Kind::retry,
                     "the API answers the removal of AWSPREVIOUS's key with " + status_of(answer));
}

std::vector<Check> ApiFunction::check(const StepContext& context, SecretValues& values) {
    CheckList checks;
    const auto value = values.current();
    checks.look("value", "what the call that makes a key needs is there",
                [&] { static_cast<void>(request_of(settings_.create, fields_of(context, values, value))); });
    const bool reached = checks.look("api", "it is reached, and proves who it is",
                                     [&] { reach(server(), context.patience()); });
    if (settings_.test && has_no_key(value, settings_.take)) {
        checks.pass_over("key", "AWSCURRENT has no key yet: the first rotation makes one");
    } else if (reached && settings_.test) {
        checks.look("key", "the API takes the key of AWSCURRENT", [&] { test(context, value); });
    }
    return checks.take();
}

}  // namespace coffer::rotation
