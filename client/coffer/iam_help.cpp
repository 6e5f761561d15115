#include <algorithm>
#include <stdexcept>

#include "client/coffer/verb_help.hpp"

namespace coffer::cli {

namespace {

const std::vector<VerbHelp>& all_iam_help() {
    static const std::vector<VerbHelp> help{
        {"create-user",
         "Create a user",
         {"coffer iam create-user --user-name alice --tags Key=team,Value=billing",
          "coffer iam create-user --user-name visitor --expires 2026-12-31T00:00:00Z"}},
        {"get-user", "Show a user; without a name yourself", {"coffer iam get-user --user-name alice"}},
        {"list-users", "List users", {"coffer iam list-users --path-prefix /apps/"}},
        {"update-user",
         "Rename a user, move it to another path, change when it expires",
         {"coffer iam update-user --user-name alice --new-user-name alicia",
          "coffer iam update-user --user-name visitor --expires never"}},
        {"delete-user",
         "Delete a user that has no policies and is in no group",
         {"coffer iam delete-user --user-name alice"}},
        {"disable-user",
         "Refuse a user everything until it is enabled again",
         {"coffer iam disable-user --user-name alice"}},
        {"enable-user", "Take disable-user back", {"coffer iam enable-user --user-name alice"}},
        {"list-groups-for-user", "List the groups that a user is in", {}},
        {"put-user-policy",
         "Put an inline policy into a user",
         {"coffer iam put-user-policy --user-name NAME --policy-name read-app --policy-document "
          "file://policy.json"}},
        {"get-user-policy", "Show an inline policy of a user", {}},
        {"list-user-policies", "List the inline policies of a user", {}},
        {"delete-user-policy", "Delete an inline policy of a user", {}},
        {"attach-user-policy",
         "Attach a managed policy to a user",
         {"coffer iam attach-user-policy --user-name NAME --policy-arn "
          "arn:aws:iam::aws:policy/SecretsManagerReadWrite"}},
        {"detach-user-policy", "Detach a managed policy from a user", {}},
        {"list-attached-user-policies", "List the managed policies attached to a user", {}},
        {"put-user-permissions-boundary", "Set the most that a user may do", {}},
        {"delete-user-permissions-boundary", "Remove the permissions boundary of a user", {}},
        {"tag-user",
         "Add tags to a user, or change them",
         {"coffer iam tag-user --user-name NAME --tags Key=team,Value=billing"}},
        {"untag-user", "Remove tags of a user", {}},
        {"list-user-tags", "List the tags of a user", {}},
        {"add-user-identity",
         "Say which certificate is a user",
         {"coffer iam add-user-identity --user-name NAME --identity "
          "Kind=spiffe,Value=spiffe://bank.example/app",
          "coffer iam add-user-identity --user-name NAME --identity "
          "'{\"Kind\":\"subject\",\"Value\":\"CN=app-*,O=Bank\"}'"}},
        {"remove-user-identity", "Take a certificate from a user", {}},
        {"create-group", "Create a group", {"coffer iam create-group --group-name operators"}},
        {"get-group", "Show a group and its users", {}},
        {"list-groups", "List groups", {}},
        {"update-group", "Rename a group, or move it to another path", {}},
        {"delete-group", "Delete a group that has no users and no policies", {}},
        {"add-user-to-group",
         "Put a user into a group",
         {"coffer iam add-user-to-group --group-name operators --user-name alice"}},
        {"remove-user-from-group", "Take a user out of a group", {}},
        {"put-group-policy",
         "Put an inline policy into a group",
         {"coffer iam put-group-policy --group-name NAME --policy-name read-app --policy-document "
          "file://policy.json"}},
        {"get-group-policy", "Show an inline policy of a group", {}},
        {"list-group-policies", "List the inline policies of a group", {}},
        {"delete-group-policy", "Delete an inline policy of a group", {}},
        {"attach-group-policy",
         "Attach a managed policy to a group",
         {"coffer iam attach-group-policy --group-name NAME --policy-arn "
          "arn:aws:iam::aws:policy/SecretsManagerReadWrite"}},
        {"detach-group-policy", "Detach a managed policy from a group", {}},
        {"list-attached-group-policies", "List the managed policies attached to a group", {}},
        {"create-role",
         "Create a role",
         {"coffer iam create-role --role-name app --assume-role-policy-document file://trust.json"}},
        {"get-role", "Show a role", {}},
        {"list-roles", "List roles", {}},
        {"update-role",
         "Change a role's description, session duration, or when it expires",
         {"coffer iam update-role --role-name app --expires 2026-12-31T00:00:00Z"}},
        {"disable-role",
         "Refuse a role's sessions everything until it is enabled again",
         {"coffer iam disable-role --role-name app"}},
        {"enable-role", "Take disable-role back", {"coffer iam enable-role --role-name app"}},
        {"revoke-sessions",
         "End the sessions of a role or a user that were begun until now",
         {"coffer iam revoke-sessions --role-name deploy", "coffer iam revoke-sessions --user-name alice"}},
        {"create-access-key",
         "Make an access key; its secret is shown this once",
         {"coffer iam create-access-key --user-name ci"}},
        {"list-access-keys", "List a user's access keys", {"coffer iam list-access-keys --user-name ci"}},
        {"update-access-key",
         "Make an access key active or inactive",
         {"coffer iam update-access-key --user-name ci --access-key-id ID --status Inactive"}},
        {"delete-access-key",
         "Delete an access key",
         {"coffer iam delete-access-key --user-name ci --access-key-id ID"}},
        {"get-access-key-last-used",
         "Show when and for what an access key was last used",
         {"coffer iam get-access-key-last-used --access-key-id ID"}},
        {"delete-role", "Delete a role that has no policies", {}},
        {"update-assume-role-policy", "Change who may assume a role", {}},
        {"put-role-policy",
         "Put an inline policy into a role",
         {"coffer iam put-role-policy --role-name NAME --policy-name read-app --policy-document "
          "file://policy.json"}},
        {"get-role-policy", "Show an inline policy of a role", {}},
        {"list-role-policies", "List the inline policies of a role", {}},
        {"delete-role-policy", "Delete an inline policy of a role", {}},
        {"attach-role-policy",
         "Attach a managed policy to a role",
         {"coffer iam attach-role-policy --role-name NAME --policy-arn "
          "arn:aws:iam::aws:policy/SecretsManagerReadWrite"}},
        {"detach-role-policy", "Detach a managed policy from a role", {}},
        {"list-attached-role-policies", "List the managed policies attached to a role", {}},
        {"put-role-permissions-boundary", "Set the most that a role may do", {}},
        {"delete-role-permissions-boundary", "Remove the permissions boundary of a role", {}},
        {"tag-role",
         "Add tags to a role, or change them",
         {"coffer iam tag-role --role-name NAME --tags Key=team,Value=billing"}},
        {"untag-role", "Remove tags of a role", {}},
        {"list-role-tags", "List the tags of a role", {}},
        {"add-role-identity",
         "Say which certificate is a role",
         {"coffer iam add-role-identity --role-name NAME --identity "
          "Kind=spiffe,Value=spiffe://bank.example/app",
          "coffer iam add-role-identity --role-name NAME --identity "
          "'{\"Kind\":\"subject\",\"Value\":\"CN=app-*,O=Bank\"}'"}},
        {"remove-role-identity", "Take a certificate from a role", {}},
        {"create-policy",
         "Create a managed policy",
         {"coffer iam create-policy --policy-name read-app --policy-document file://policy.json"}},
        {"get-policy", "Show a managed policy, without its document", {}},
        {"list-policies", "List managed policies", {"coffer iam list-policies --scope Local"}},
        {"delete-policy", "Delete a managed policy that is attached to nobody", {}},
        {"create-policy-version",
         "Give a managed policy a new document",
         {"coffer iam create-policy-version --policy-arn ARN --policy-document file://policy.json "
          "--set-as-default"}},
        {"get-policy-version", "Show a version of a managed policy with its document", {}},
        {"list-policy-versions", "List the versions of a managed policy", {}},
        {"delete-policy-version", "Delete a version of a managed policy", {}},
        {"set-default-policy-version", "Put another version of a managed policy in force", {}},
        {"list-entities-for-policy", "List who has a managed policy", {}},
        {"get-account-authorization-details",
         "Show everything: users, groups, roles and policies with their documents",
         {}},
        {"simulate-principal-policy",
         "Show what would be decided, as JSON (coffer iam simulate explains it)",
         {"coffer iam simulate-principal-policy --policy-source-arn ARN --action-names "
          "secretsmanager:GetSecretValue --resource-arns app/db"}},
        {"simulate-custom-policy",
         "Show what policies would decide that are not in force",
         {"coffer iam simulate-custom-policy --policy-input-list file://policy.json --action-names "
          "secretsmanager:GetSecretValue --resource-arns app/db"}},
        {"tag-policy",
         "Add tags to a managed policy, or change them",
         {"coffer iam tag-policy --policy-arn ARN --tags Key=team,Value=billing"}},
        {"untag-policy", "Remove tags of a managed policy", {}},
        {"list-policy-tags", "List the tags of a managed policy", {}},
        {"put-listener-policy",
         "Limit what may be done through a listener, on all nodes",
         {"coffer iam put-listener-policy --listener-name public --policy-document file://policy.json"}},
        {"get-listener-policy", "Show the policy that is stored for a listener", {}},
        {"delete-listener-policy", "Remove the policy that is stored for a listener", {}},
        {"list-listeners", "List the listeners of the node that answers, and those that have a policy", {}},
    };
    return help;
}

}  // namespace

const VerbHelp& iam_help_of(std::string_view verb) {
    const auto& help = all_iam_help();
    const auto found =
        std::find_if(help.begin(), help.end(), [&](const auto& one) { return one.verb == verb; });
    if (found == help.end()) throw std::out_of_range("no help for iam " + std::string(verb));
    return *found;
}

}  // namespace coffer::cli
