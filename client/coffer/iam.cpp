#include "client/coffer/iam.hpp"

namespace coffer::cli {

void add_iam(CLI::App& app, Commands& commands) {
    auto* iam = app.add_subcommand("iam", "Users, groups, roles and policies: who may do what");
    iam->fallthrough();
    iam->group("Groups of verbs");
    iam->require_subcommand(1);
    iam->footer(
        "Examples:\n"
        "  coffer iam create-user --user-name app-a\n"
        "  coffer iam add-user-identity --user-name app-a --identity "
        "Kind=spiffe,Value=spiffe://bank.example/app-a\n"
        "  coffer iam put-user-policy --user-name app-a --policy-name own --policy-document "
        "file://policy.json\n"
        "  coffer iam who-can GetSecretValue app/db\n"
        "  coffer iam apply -f access/ --dry-run\n"
        "\nOptions of every verb are in: coffer --help. The manual is docs/coffer-iam.md.");
    add_iam_configuration(*iam, commands);
    add_iam_questions(*iam, commands);
    add_iam_verbs(*iam, commands);
}

}  // namespace coffer::cli
