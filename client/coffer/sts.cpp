// coffer sts: the verbs of `aws sts`.

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "client/coffer/aws_verbs.hpp"
#include "client/coffer/iam.hpp"

namespace coffer::cli {

const VerbHelp& sts_help_of(std::string_view verb) {
    static const std::vector<VerbHelp> kHelp{
        {"assume-role",
         "Get temporary credentials of a role",
         {"coffer sts assume-role --role-arn arn:aws:iam::111122223333:role/deploy --role-session-name alice",
          "coffer sts assume-role --role-arn ARN --role-session-name alice --policy file://less.json "
          "--duration-seconds 900"}},
        {"assume-role-with-web-identity",
         "Get temporary credentials of a role for a token of an identity provider",
         {"coffer sts assume-role-with-web-identity --role-arn arn:aws:iam::111122223333:role/app "
          "--role-session-name "
          "pod-7 --web-identity-token file:///var/run/secrets/coffer/token"}},
        {"get-caller-identity",
         "Show who Coffer takes you for",
         {"coffer sts get-caller-identity", "coffer --role ARN sts get-caller-identity"}},
        {"get-session-token",
         "Get temporary credentials of yourself",
         {"coffer sts get-session-token --duration-seconds 3600"}},
    };
    const auto found =
        std::find_if(kHelp.begin(), kHelp.end(), [&](const auto& one) { return one.verb == verb; });
    if (found == kHelp.end()) throw std::out_of_range("no help for sts " + std::string(verb));
    return *found;
}

void add_sts(CLI::App& app, Commands& commands) {
    auto* sts = app.add_subcommand("sts", "Temporary credentials: assume a role, ask who one is");
    sts->fallthrough();
    sts->group("Groups of verbs");
    sts->require_subcommand(1);
    sts->footer(
        "Examples:\n"
        "  coffer sts get-caller-identity\n"
        "  coffer --role arn:aws:iam::111122223333:role/deploy get app/db\n"
        "\nOptions of every verb are in: coffer --help. The manual is docs/coffer-iam.md.");
    for (const auto* operation : sts_operations()) {
        auto verb = std::make_shared<AwsVerb>(*sts, *operation, sts_help_of(kebab_case(operation->name())),
                                              "Verbs of aws sts");
        CLI::App* parsed = &verb->app();
        commands.push_back(
            {parsed, [verb = std::move(verb)](Context& context) { run_verb(context, *verb); }, true});
    }
}

}  // namespace coffer::cli
