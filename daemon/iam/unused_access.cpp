#include "daemon/iam/unused_access.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "daemon/access/actions.hpp"
#include "daemon/access/findings.hpp"
#include "proto/names.hpp"
#include "storage/usage_repository.hpp"

namespace coffer::iam {

namespace {

using access::Action;
using access::ActionSet;
using access::Severity;

/// Actions that one finding names; how many more there are it only says.
constexpr std::size_t kMostNamed = 20;

std::size_t place(Action action) {
    return static_cast<std::size_t>(action);
}

/// What is asked for besides the action of an operation's own name, or instead of it.
constexpr auto kOtherActions = std::to_array<std::pair<std::string_view, Action>>({
    {"BatchGetSecretValue", Action::get_secret_value},
    {"BatchGetSecretValue", Action::list_secrets},
    {"CreateSecret", Action::tag_resource},
    {"ValidateResourcePolicy", Action::put_resource_policy},
    {"AddUserIdentity", Action::iam_create_access_key},
    {"RemoveUserIdentity", Action::iam_delete_access_key},
    {"DisableUser", Action::iam_update_access_key},
    {"EnableUser", Action::iam_update_access_key},
    {"AddRoleIdentity", Action::iam_update_assume_role_policy},
    {"RemoveRoleIdentity", Action::iam_update_assume_role_policy},
    {"CreatePolicyVersion", Action::iam_set_default_policy_version},
    {"GetAccessConfiguration", Action::iam_get_account_authorization_details},
    {"GetListenerPolicy", Action::coffer_get_listener},
});

/// The actions that `operation` may ask for; none for one that is not known any more.
ActionSet actions_of(std::string_view operation) {
    ActionSet actions;
    for (const std::string_view service : {"secretsmanager", "iam", "sts", "cloudtrail", "coffer"}) {
        if (const auto action = access::find_action(fmt::format("{}:{}", service, operation))) {
            actions.set(place(*action));
            break;
        }
    }
    for (const auto& [name, action] : kOtherActions) {
        if (name == operation) actions.set(place(action));
    }
    return actions;
}

/// The actions whose use would be counted: those of the operations that there are.
ActionSet counted_actions() {
    ActionSet counted;
    const auto* operations = v1::Request::descriptor()->FindOneofByName("operation");
    for (int i = 0; i < operations->field_count(); ++i) {
        const auto number = static_cast<v1::Request::OperationCase>(operations->field(i)->number());
        counted |= actions_of(proto::operation_name(number));
    }
    return counted;
}

ActionSet allowed_by(const access::Policy& policy) {
    ActionSet allowed;
    for (const auto& statement : policy.statements()) {
        if (statement.effect() == access::Effect::allow) allowed |= statement.actions();
    }
    return allowed;
}

/// What the policies allow on something and under some condition. Denials are not taken off: most of them are
/// for some resources.
ActionSet allowed_to(const access::Rights& rights) {
    ActionSet allowed;
    for (const auto& policy : rights.identity) allowed |= allowed_by(*policy);
    if (rights.boundary) allowed &= allowed_by(*rights.boundary);
    return allowed;
}

std::string named(const ActionSet& actions) {
    std::string text;
    std::size_t count = 0;
    for (const auto& info : access::action_table()) {
        if (!actions[place(info.action)] || ++count > kMostNamed) continue;
        text += (count == 1 ? "" : ", ") + std::string(info.name);
    }
    if (count > kMostNamed) text += fmt::format(" and {} more", count - kMostNamed);
    return text;
}

class Search {
public:
    Search(Work& work, std::int64_t days, v1::LintPoliciesResponse& response)
        : work_(work),
          response_(response),
          from_(Timestamp::from_millis(work.now().day().millis() - days * kMillisPerDay)),
          used_(storage::UsageRepository::used_operations(work.database(), from_)),
          period_(fmt::format("in the last {} days", days)) {
        for (const auto& [principal, operation] : used_.operations) uses_[principal] |= actions_of(operation);
    }

    void run() {
        if (!used_.since) {
            add("usage", Severity::suggestion, "NO_USE_COUNTED",
                "Nothing was counted yet, so it cannot be told what is not used.", "Ask again later.");
            return;
        }
        response_.set_used_since(used_.since->seconds());
        if (used_.since->millis() > from_.millis()) {
            from_ = *used_.since;
            period_ =
                fmt::format("since {}, when counting began", access::format_iso_time(from_).substr(0, 10));
        }
        if (uses_.contains("(others)")) {
            add("usage", Severity::suggestion, "USE_NOT_ALL_COUNTED",
                "A node had more principals than it counts apart; what is said of unused access may be "
                "wrong.",
                "Look into the audit journal before you take anything away.");
        }
        for (const auto& [name, user] : work_.records().users) judge(*user);
        for (const auto& [name, role] : work_.records().roles) judge(*role);
    }

private:
    template <class Record>
    void judge(const Record& record) {
        const auto standing = work_.directory().standing({Record::kKind, record.name});
        if (!standing || !standing->rights || record.created.millis() > from_.millis()) return;
        const auto arn = arn_of(work_.account(), record);
        const auto used = uses_.find(arn);
        if (used == uses_.end()) {
            add(arn, Severity::warning, "UNUSED_PRINCIPAL", fmt::format("It was served nothing {}.", period_),
                "Find out whether it is needed; disable it or delete it.");
            return;
        }
        static const auto kCounted = counted_actions();
        const auto unused = allowed_to(*standing->rights) & kCounted & ~used->second;
        if (unused.none()) return;
        add(arn, Severity::warning, "UNUSED_ACTIONS",
            fmt::format("Its policies allow {} actions that it did not use {}: {}.", unused.count(), period_,
                        named(unused)),
            "Allow what it needs.");
    }

    void add(const std::string& about, Severity severity, const std::string& code, const std::string& what,
             const std::string& advice) {
        auto& finding = *response_.add_findings();
        finding.set_policy(about);
        finding.set_severity(std::string(access::severity_name(severity)));
        finding.set_code(code);
        finding.set_message(what);
        finding.set_advice(advice);
    }

    Work& work_;
    v1::LintPoliciesResponse& response_;
    Timestamp from_;
    const storage::UsedOperations used_;
    std::string period_;
    std::map<std::string, ActionSet> uses_;
};

}  // namespace

void find_unused_access(Work& work, std::int64_t days, v1::LintPoliciesResponse& response) {
    Search(work, days, response).run();
}

}  // namespace coffer::iam
