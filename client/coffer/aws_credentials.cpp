// coffer aws-credentials: temporary credentials for the AWS SDKs' credential_process, from the certificate.

#include <boost/json/object.hpp>
#include <ctime>
#include <memory>

#include "client/coffer/command.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/json_output.hpp"

namespace coffer::cli {

namespace {

/// What the AWS SDKs expect of a credential_process (AWS SDKs reference, "Process credential provider").
constexpr int kFormatVersion = 1;
constexpr std::int64_t kDefaultSeconds = 3'600;
constexpr std::int64_t kShortestSeconds = 900;
constexpr std::int64_t kLongestSeconds = 129'600;

struct Wanted {
    std::string role_arn;
    std::string session_name = "coffer";
    std::int64_t seconds = kDefaultSeconds;
};

/// "2026-11-29T12:00:00Z": the SDKs want an offset, and some of them nothing but Z.
std::string utc(double epoch_seconds) {
    const auto seconds = static_cast<std::time_t>(epoch_seconds);
    std::tm parts{};
    if (::gmtime_r(&seconds, &parts) == nullptr) throw Failure("the credentials' expiration is no time");
    constexpr std::size_t kBytes = 32;
    std::string text(kBytes, '\0');
    text.resize(std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts));
    return text;
}

v1::SessionCredentials ask(Context& context, const Wanted& wanted) {
    v1::Request request;
    if (wanted.role_arn.empty()) {
        request.mutable_get_session_token()->set_duration_seconds(wanted.seconds);
        auto response = context.call(std::move(request));
        return std::move(*response.mutable_get_session_token()->mutable_credentials());
    }
    auto& assume = *request.mutable_assume_role();
    assume.set_role_arn(wanted.role_arn);
    assume.set_role_session_name(wanted.session_name);
    assume.set_duration_seconds(wanted.seconds);
    auto response = context.call(std::move(request));
    return std::move(*response.mutable_assume_role()->mutable_credentials());
}

void run(Context& context, const Wanted& wanted) {
    const auto credentials = ask(context, wanted);
    boost::json::object object;
    object["Version"] = kFormatVersion;
    object["AccessKeyId"] = credentials.access_key_id();
    object["SecretAccessKey"] = credentials.secret_access_key();
    object["SessionToken"] = credentials.session_token();
    object["Expiration"] = utc(credentials.expiration());
    print(view(pretty_json(object)));
}

}  // namespace

void add_aws_credentials(CLI::App& app, Commands& commands) {
    auto wanted = std::make_shared<Wanted>();
    auto* verb = add_verb(
        app, "aws-credentials", "Print temporary credentials for the AWS SDKs (credential_process)",
        {"coffer aws-credentials", "coffer aws-credentials --role-arn arn:aws:iam::111122223333:role/app",
         "printf '[profile coffer]\\ncredential_process = coffer aws-credentials\\n' >>~/.aws/config"});
    verb->add_option(
        "--role-arn", wanted->role_arn,
        "assume this role (otherwise: credentials of oneself, the user or the role that the certificate is "
        "mapped to)");
    verb->add_option("--role-session-name", wanted->session_name, "name of the role's session (coffer)");
    verb->add_option("--duration-seconds", wanted->seconds, "how long they are good for (3600)")
        ->check(CLI::Range(kShortestSeconds, kLongestSeconds));
    commands.push_back({verb, [wanted](Context& context) { run(context, *wanted); }});
}

}  // namespace coffer::cli
