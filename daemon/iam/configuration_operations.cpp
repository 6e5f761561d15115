// Access as a configuration that can live in version control: what is in force in that form, and a
// configuration brought into force, in one transaction, with the difference told.

#include <algorithm>
#include <boost/json/parse.hpp>
#include <set>

#include "daemon/iam/checks.hpp"
#include "daemon/iam/identities.hpp"
#include "daemon/iam/limits.hpp"
#include "daemon/iam/messages.hpp"
#include "daemon/iam/operations.hpp"
#include "daemon/iam/page.hpp"

namespace coffer::iam {

using access::Action;
using access::DocumentKind;

namespace {

// ---- what is in force, as a configuration -----------------------------------------------------------------

template <class Message>
void put_holder(const Holder& holder, Message& message) {
    if (holder.path != "/") message.set_path(holder.path);
    for (const auto& arn : holder.attached) message.add_attached_policies(arn);
    for (const auto& [name, text] : holder.inline_policies) {
        auto& policy = *message.add_inline_policies();
        policy.set_policy_name(name);
        policy.set_policy_document(text);
    }
}

template <class Record, class Message>
void put_principal(const Record& record, Message& message) {
    put_holder(record, message);
    for (const auto& identity : record.identities) *message.add_identities() = to_message(identity);
    if (record.boundary) message.set_permissions_boundary(*record.boundary);
    put_tags(record.tags, *message.mutable_tags());
}

template <class Record, class Message>
void put_suspension_text(const Record& record, Message& message) {
    if (record.disabled) message.set_disabled(true);
    if (record.expires) message.set_expires(access::format_iso_time(*record.expires));
}

void put(const User& user, v1::UserConfiguration& message) {
    message.set_user_name(user.name);
    put_principal(user, message);
    for (const auto& group : user.groups) message.add_groups(group);
    put_suspension_text(user, message);
}

void put(const Group& group, v1::GroupConfiguration& message) {
    message.set_group_name(group.name);
    put_holder(group, message);
}

void put(const Role& role, v1::RoleConfiguration& message) {
    message.set_role_name(role.name);
    message.set_assume_role_policy_document(role.trust);
    if (!role.description.empty()) message.set_description(role.description);
    message.set_max_session_duration(role.max_session_duration);
    put_principal(role, message);
    put_suspension_text(role, message);
}

void put(const ManagedPolicy& policy, v1::PolicyConfiguration& message) {
    message.set_policy_name(policy.name);
    if (policy.path != "/") message.set_path(policy.path);
    message.set_policy_document(policy.current().document);
    if (!policy.description.empty()) message.set_description(policy.description);
    put_tags(policy.tags, *message.mutable_tags());
}

void put(const ListenerPolicy& policy, v1::ListenerConfiguration& message) {
    message.set_listener_name(policy.name);
    message.set_policy_document(policy.document);
}

// ---- from a configuration ---------------------------------------------------------------------------------

template <class Message>
void read_holder(const Message& message, Holder& holder) {
    holder.path = message.has_path() ? message.path() : "/";
    holder.attached.assign(message.attached_policies().begin(), message.attached_policies().end());
    holder.inline_policies.clear();
    for (const auto& policy : message.inline_policies()) {
        if (!holder.inline_policies.emplace(policy.policy_name(), policy.policy_document()).second) {
            throw invalid_input(
                fmt::format("{} has two inline policies named {}.", holder.name, policy.policy_name()));
        }
    }
}

template <class Record, class Message>
void read_principal(const Message& message, Record& record) {
    read_holder(message, record);
    record.identities.clear();
    for (const auto& identity : message.identities()) record.identities.push_back(identity_of(identity));
    record.boundary.reset();
    if (message.has_permissions_boundary()) record.boundary = message.permissions_boundary();
    record.tags = tags_of(message.tags());
}

void read(const v1::UserConfiguration& message, User& user) {
    read_principal(message, user);
    user.groups.assign(message.groups().begin(), message.groups().end());
    std::sort(user.groups.begin(), user.groups.end());
    user.disabled = message.disabled();
    user.expires = read_expiry(message.expires());
}

void read(const v1::GroupConfiguration& message, Group& group) {
    read_holder(message, group);
}

void read(const v1::ListenerConfiguration& message, ListenerPolicy& policy) {
    policy.document = message.policy_document();
}

void read(const v1::RoleConfiguration& message, Role& role) {
    read_principal(message, role);
    role.trust = message.assume_role_policy_document();
    role.description = message.description();
    role.max_session_duration = message.has_max_session_duration() ? message.max_session_duration() : 3600;
    role.disabled = message.disabled();
    role.expires = read_expiry(message.expires());
}

// ---- differences ------------------------------------------------------------------------------------------

/// Whether two documents are the same JSON, however they are laid out.
bool same_json(const std::string& a, const std::string& b) {
    if (a == b) return true;
    boost::json::error_code error_a;
    boost::json::error_code error_b;
    const auto value_a = boost::json::parse(a, error_a);
    const auto value_b = boost::json::parse(b, error_b);
    return !error_a && !error_b && value_a == value_b;
}

/// Collects what differs between two states of one record, as text.
class Difference {
public:
    void text(std::string_view name, const std::string& was, const std::string& is) {
        if (was != is) add(fmt::format("{}: {} -> {}", name, shown(was), shown(is)));
    }
    void document(std::string_view name, const std::string& was, const std::string& is) {
        if (!same_json(was, is)) add(fmt::format("{}: changed", name));
    }
    void list(std::string_view name, std::vector<std::string> was, std::vector<std::string> is) {
        std::sort(was.begin(), was.end());
        std::sort(is.begin(), is.end());
        std::string parts;
        each_missing(is, was, [&](const std::string& text) { parts += " +" + text; });
        each_missing(was, is, [&](const std::string& text) { parts += " -" + text; });
        if (!parts.empty()) add(fmt::format("{}:{}", name, parts));
    }
    void policies(const InlinePolicies& was, const InlinePolicies& is) {
        std::string parts;
        for (const auto& [name, text] : is) {
            const auto before = was.find(name);
            if (before == was.end())
                parts += " +" + name;
            else if (!same_json(before->second, text))
                parts += " ~" + name;
        }
        for (const auto& [name, text] : was) {
            if (!is.contains(name)) parts += " -" + name;
        }
        if (!parts.empty()) add("inline policies:" + parts);
    }

    [[nodiscard]] bool none() const noexcept { return text_.empty(); }
    [[nodiscard]] const std::string& all() const noexcept { return text_; }

private:
    void add(const std::string& line) {
        if (!text_.empty()) text_ += "; ";
        text_ += line;
    }
    static std::string shown(const std::string& text) { return text.empty() ? "none" : text; }
    template <class Visit>
    static void each_missing(const std::vector<std::string>& from, const std::vector<std::string>& in,
                             Visit visit) {
        for (const auto& text : from) {
            if (!std::binary_search(in.begin(), in.end(), text)) visit(text);
        }
    }

    std::string text_;
};

std::vector<std::string> texts_of(const std::vector<Tag>& tags) {
    std::vector<std::string> texts;
    for (const auto& tag : tags) texts.push_back(tag.key + "=" + tag.value);
    return texts;
}

std::vector<std::string> texts_of(const std::vector<Identity>& identities) {
    std::vector<std::string> texts;
    for (const auto& identity : identities) texts.push_back(describe(identity));
    return texts;
}

void compare_holders(Difference& difference, const Holder& was, const Holder& is) {
    difference.text("path", was.path, is.path);
    difference.list("attached policies", was.attached, is.attached);
    difference.policies(was.inline_policies, is.inline_policies);
}

template <class Record>
void compare_principals(Difference& difference, const Record& was, const Record& is) {
    compare_holders(difference, was, is);
    difference.list("identities", texts_of(was.identities), texts_of(is.identities));
    difference.text("permissions boundary", was.boundary.value_or(""), is.boundary.value_or(""));
    difference.list("tags", texts_of(was.tags), texts_of(is.tags));
}

template <class Record>
void compare_suspensions(Difference& difference, const Record& was, const Record& is) {
    const auto expiry = [](const Record& record) {
        return record.expires ? access::format_iso_time(*record.expires) : "never";
    };
    difference.text("disabled", was.disabled ? "yes" : "no", is.disabled ? "yes" : "no");
    difference.text("expires", expiry(was), expiry(is));
}

Difference compare(const User& was, const User& is) {
    Difference difference;
    compare_principals(difference, was, is);
    difference.list("groups", was.groups, is.groups);
    compare_suspensions(difference, was, is);
    return difference;
}

Difference compare(const Group& was, const Group& is) {
    Difference difference;
    compare_holders(difference, was, is);
    return difference;
}

Difference compare(const Role& was, const Role& is) {
    Difference difference;
    compare_principals(difference, was, is);
    difference.document("trust policy", was.trust, is.trust);
    difference.text("description", was.description, is.description);
    difference.text("maximum session duration", std::to_string(was.max_session_duration),
                    std::to_string(is.max_session_duration));
    compare_suspensions(difference, was, is);
    return difference;
}

Difference compare(const ListenerPolicy& was, const ListenerPolicy& is) {
    Difference difference;
    difference.document("document", was.document, is.document);
    return difference;
}

// ---- apply ------------------------------------------------------------------------------------------------

class Application {
public:
    Application(Work& work, v1::ApplyAccessConfigurationResponse& response)
        : work_(work), response_(response) {}

    void policy(const v1::PolicyConfiguration& message) {
        const auto& name = message.policy_name();
        claim({IamKind::policy, name});
        const auto* was = work_.records().find<ManagedPolicy>(name);
        ManagedPolicy policy = was != nullptr ? *was : fresh_policy(name);
        policy.path = message.has_path() ? message.path() : "/";
        policy.description = message.description();
        policy.tags = tags_of(message.tags());
        Difference difference;
        if (was != nullptr) {
            difference.text("path", was->path, policy.path);
            difference.text("description", was->description, policy.description);
            difference.list("tags", texts_of(was->tags), texts_of(policy.tags));
            difference.document("document", was->current().document, message.policy_document());
            if (difference.none()) return;
        }
        check_policy(message.policy_document(), DocumentKind::identity);
        check_tags(policy.tags);
        if (was == nullptr || !same_json(was->current().document, message.policy_document())) {
            add_version(policy, message.policy_document());
        }
        policy.updated = work_.now();
        tell<ManagedPolicy>(name, was != nullptr, difference);
        work_.draft().put(std::move(policy));
    }

    template <class Record, class Message>
    void record(const std::string& name, const Message& message) {
        claim({Record::kKind, name});
        const auto* was = work_.records().find<Record>(name);
        Record record;
        if (was != nullptr) {
            record = *was;
        } else {
            record.name = name;
            begin(record);
        }
        read(message, record);
        Difference difference;
        if (was != nullptr) {
            difference = compare(*was, record);
            if (difference.none()) return;
        }
        tell<Record>(name, was != nullptr, difference);
        if constexpr (std::is_same_v<Record, ListenerPolicy>) record.updated = work_.now();
        work_.draft().put(std::move(record));
    }

    /// Deletes what the configuration does not have.
    template <class Record>
    void prune() {
        std::vector<std::string> extra;
        for (const auto& [name, record] : work_.records().table<Record>()) {
            if (!wanted_.contains({Record::kKind, name})) extra.push_back(name);
        }
        for (const auto& [key, fault] : work_.records().faults) {
            if (key.kind == Record::kKind && !wanted_.contains(key)) extra.push_back(key.name);
        }
        for (const auto& name : extra) {
            add("delete", IamKey{Record::kKind, name}, "");
            work_.draft().erase<Record>(name);
        }
    }

    /// That the whole is consistent: every record is valid, and refers to what is there.
    void check() const {
        const auto& records = work_.records();
        for (const auto kind :
             {IamKind::user, IamKind::group, IamKind::role, IamKind::policy, IamKind::listener})
            check_count(records, kind);
        for (const auto& [name, listener] : records.listeners) {
            if (wanted_.contains({IamKind::listener, name})) {
                check_policy(listener->document, DocumentKind::listener);
            }
        }
        for (const auto& [name, group] : records.groups) {
            if (wanted_.contains({IamKind::group, name})) check_inline_policies(*group);
            check_attached(records, work_.account(), "Group", group->attached);
        }
        for (const auto& [name, role] : records.roles) {
            if (wanted_.contains({IamKind::role, name})) {
                check_policy(role->trust, DocumentKind::trust);
                check_inline_policies(*role);
                check_tags(role->tags);
                check_identities(records, {IamKind::role, name}, role->identities);
            }
            check_attached(records, work_.account(), "Role", role->attached);
            check_boundary(records, work_.account(), role->boundary);
        }
        for (const auto& [name, user] : records.users) {
            if (wanted_.contains({IamKind::user, name})) {
                check_inline_policies(*user);
                check_tags(user->tags);
                check_identities(records, {IamKind::user, name}, user->identities);
            }
            check_attached(records, work_.account(), "User", user->attached);
            check_boundary(records, work_.account(), user->boundary);
            check_groups(records, user->groups);
        }
    }

    /// Whoever applies a configuration by mistake should be able to apply another.
    void require_caller_stays() const {
        const auto& principal = work_.rights().principal;
        if (principal.type != access::PrincipalType::user) return;
        const auto* user = work_.records().find<User>(principal.name);
        if (user == nullptr || user->disabled) {
            throw invalid_input(fmt::format(
                "The configuration would {} {}, who applies it. Add that user to it, or apply it as another.",
                user == nullptr ? "delete" : "disable", principal.name));
        }
    }

private:
    /// What a record has that no configuration says.
    template <class Record>
    void begin(Record& record) const {
        if constexpr (!std::is_same_v<Record, ListenerPolicy>) {
            record.id = make_unique_id(Record::kKind);
            record.created = work_.now();
        }
    }
    /// Counts the record as wanted; a name that comes twice is refused, by case and without.
    void claim(const IamKey& key) {
        if (!wanted_.insert(key).second)
            throw invalid_input(fmt::format("{} is in the configuration twice.", storage::describe(key)));
    }

    ManagedPolicy fresh_policy(const std::string& name) const {
        ManagedPolicy policy;
        policy.name = name;
        policy.id = make_unique_id(IamKind::policy);
        policy.created = work_.now();
        policy.next_version = 1;
        return policy;
    }

    void add_version(ManagedPolicy& policy, const std::string& document) const {
        if (policy.versions.size() >= kMaxPolicyVersions) {
            const auto oldest =
                std::find_if(policy.versions.begin(), policy.versions.end(),
                             [&](const auto& version) { return version.number != policy.default_version; });
            policy.versions.erase(oldest);
        }
        policy.versions.push_back({policy.next_version++, work_.now(), document});
        policy.default_version = policy.versions.back().number;
    }

    template <class Record>
    void tell(const std::string& name, bool update, const Difference& difference) {
        const IamKey key{Record::kKind, name};
        const bool fault = work_.records().faults.contains(key);
        if (!update && !fault && name_taken<Record>(work_.records(), name))
            throw already_exists<Record>(name);
        add(fault ? "repair" : update ? "update" : "create", key, difference.all());
    }

    void add(const std::string& action, const IamKey& key, const std::string& detail) {
        auto& change = *response_.add_changes();
        change.set_action(action);
        change.set_entity(fmt::format("{} {}", storage::iam_kind_name(key.kind), key.name));
        if (!detail.empty()) change.set_detail(detail);
    }

    Work& work_;
    v1::ApplyAccessConfigurationResponse& response_;
    std::set<IamKey> wanted_;
};

}  // namespace

v1::GetAccessConfigurationResponse get_access_configuration(
    Work& work, const v1::GetAccessConfigurationRequest& request) {
    work.require(Action::iam_get_account_authorization_details, "*");
    v1::GetAccessConfigurationResponse response;
    auto& configuration = *response.mutable_configuration();
    Page page(request, response);
    const auto& records = work.records();
    for (const auto& [name, group] : records.groups) {
        if (page.takes("group/" + name)) put(*group, *configuration.add_groups());
    }
    for (const auto& [name, policy] : records.listeners) {
        if (page.takes("listener/" + name)) put(*policy, *configuration.add_listeners());
    }
    for (const auto& [name, policy] : records.policies) {
        if (page.takes("policy/" + name)) put(*policy, *configuration.add_policies());
    }
    for (const auto& [name, role] : records.roles) {
        if (page.takes("role/" + name)) put(*role, *configuration.add_roles());
    }
    for (const auto& [name, user] : records.users) {
        if (page.takes("user/" + name)) put(*user, *configuration.add_users());
    }
    return response;
}

v1::ApplyAccessConfigurationResponse apply_access_configuration(
    Work& work, const v1::ApplyAccessConfigurationRequest& request) {
    work.require(Action::coffer_apply_access_configuration, "*");
    const auto& wanted = request.configuration();
    v1::ApplyAccessConfigurationResponse response;
    Application application(work, response);
    for (const auto& policy : wanted.policies()) application.policy(policy);
    for (const auto& listener : wanted.listeners()) {
        application.record<ListenerPolicy>(listener.listener_name(), listener);
    }
    for (const auto& group : wanted.groups()) application.record<Group>(group.group_name(), group);
    for (const auto& role : wanted.roles()) application.record<Role>(role.role_name(), role);
    for (const auto& user : wanted.users()) application.record<User>(user.user_name(), user);
    if (request.prune()) {
        application.prune<User>();
        application.prune<Role>();
        application.prune<Group>();
        application.prune<ManagedPolicy>();
        application.prune<ListenerPolicy>();
    }
    application.check();
    application.require_caller_stays();
    return response;
}

}  // namespace coffer::iam
