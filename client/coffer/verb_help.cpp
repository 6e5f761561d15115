#include "client/coffer/verb_help.hpp"

#include <algorithm>
#include <stdexcept>

namespace coffer::cli {

namespace {

const std::vector<VerbHelp>& all_help() {
    static const std::vector<VerbHelp> help{
        {"batch-get-secret-value",
         "Read the current values of several secrets",
         {"coffer batch-get-secret-value --secret-id-list app/db app/mail",
          "coffer batch-get-secret-value --filters Key=name,Values=app/"}},
        {"cancel-rotate-secret", "Turn rotation off", {"coffer cancel-rotate-secret --secret-id app/db"}},
        {"create-secret",
         "Create a secret, with a value or without",
         {"printf 's3cret' | coffer create-secret --name app/db --secret-string -",
          "coffer create-secret --name app/db --secret-string file://db.json --tags Key=team,Value=billing",
          "coffer create-secret --name app/key --secret-binary fileb://key.der --kms-key-id alias/payments"}},
        {"delete-resource-policy",
         "Remove a secret's policy",
         {"coffer delete-resource-policy --secret-id app/db"}},
        {"delete-secret",
         "Mark a secret for deletion, or destroy it",
         {"coffer delete-secret --secret-id app/db --recovery-window-in-days 7",
          "coffer delete-secret --secret-id app/db --force-delete-without-recovery"}},
        {"describe-secret",
         "Show everything about a secret but its values",
         {"coffer describe-secret --secret-id app/db"}},
        {"get-random-password",
         "Make a password; nothing is stored",
         {"coffer get-random-password --password-length 20 --exclude-punctuation",
          "coffer get-random-password --exclude-characters '\"@/\\' --output text"}},
        {"get-resource-policy", "Show a secret's policy", {"coffer get-resource-policy --secret-id app/db"}},
        {"get-secret-value",
         "Read one version of a secret",
         {"coffer get-secret-value --secret-id app/db",
          "coffer get-secret-value --secret-id app/db --version-stage AWSPREVIOUS"}},
        {"list-secret-version-ids",
         "List the versions of a secret",
         {"coffer list-secret-version-ids --secret-id app/db --include-deprecated"}},
        {"list-secrets",
         "List secrets, without values",
         {"coffer list-secrets --filters Key=name,Values=app/ Key=tag-key,Values=team",
          "coffer list-secrets --sort-by name --sort-order asc --max-items 10"}},
        {"put-resource-policy",
         "Attach a policy to a secret",
         {"coffer put-resource-policy --secret-id app/db --resource-policy file://policy.json"}},
        {"put-secret-value",
         "Store a new version of a secret",
         {"printf 'n3w' | coffer put-secret-value --secret-id app/db --secret-string -",
          "coffer put-secret-value --secret-id app/db --secret-string file://db.json --version-stages "
          "AWSPENDING"}},
        {"remove-regions-from-replication",
         "Delete replicas of a secret",
         {"coffer remove-regions-from-replication --secret-id app/db --remove-replica-regions eu-west-1"}},
        {"replicate-secret-to-regions",
         "Replicate a secret",
         {"coffer replicate-secret-to-regions --secret-id app/db --add-replica-regions Region=eu-west-1"}},
        {"restore-secret",
         "Take back the deletion of a secret",
         {"coffer restore-secret --secret-id app/db"}},
        {"rotate-secret",
         "Rotate a secret, now or on a schedule",
         {"coffer rotate-secret --secret-id app/db --rotation-rules AutomaticallyAfterDays=30",
          "coffer rotate-secret --secret-id app/db --rotation-lambda-arn ARN --dry-run"}},
        {"stop-replication-to-replica",
         "Make a replica a secret of its own",
         {"coffer stop-replication-to-replica --secret-id app/db"}},
        {"tag-resource",
         "Add tags to a secret, or change them",
         {"coffer tag-resource --secret-id app/db --tags Key=team,Value=billing Key=env,Value=prod"}},
        {"untag-resource", "Remove tags", {"coffer untag-resource --secret-id app/db --tag-keys team env"}},
        {"update-secret",
         "Change description, master key or value of a secret",
         {"coffer update-secret --secret-id app/db --description 'billing database'",
          "coffer update-secret --secret-id app/db --secret-string file://db.json"}},
        {"update-secret-version-stage",
         "Move a staging label from one version to another",
         {"coffer update-secret-version-stage --secret-id app/db --version-stage AWSCURRENT \\",
          "    --move-to-version-id NEW --remove-from-version-id OLD"}},
        {"validate-resource-policy",
         "Check a policy before it is attached",
         {"coffer validate-resource-policy --resource-policy file://policy.json"}},
    };
    return help;
}

}  // namespace

const VerbHelp& help_of(std::string_view verb) {
    const auto& help = all_help();
    const auto found =
        std::find_if(help.begin(), help.end(), [&](const auto& one) { return one.verb == verb; });
    if (found == help.end()) throw std::out_of_range("no help for " + std::string(verb));
    return *found;
}

}  // namespace coffer::cli
