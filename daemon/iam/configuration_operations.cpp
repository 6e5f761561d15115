// Access as a configuration that can live in version control: what is in force in that form, and a
// configuration brought into force, in one transaction, with the difference told.

#include <algorithm>
#include <set>

#include "daemon/iam/access_difference.hpp"
#include "daemon/iam/checks.hpp"
#include "daemon/iam/identities.hpp"
#include "daemon/iam/limits.hpp"
#include "daemon/iam/locked_secrets.hpp"
#include "daemon/iam/messages.hpp"
#include "daemon/iam/naming_policies.hpp"
#include "daemon/iam/operations.hpp"
#include "daemon/iam/page.hpp"
#include "daemon/iam/principal_index.hpp"
#include "daemon/secrets/request_record.hpp"

namespace coffer::iam {

using access::Action;
using access::DocumentKind;

namespace {

constexpr std::string_view kDocument = "document";

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

void put(const Role& role, const PrincipalIndex& index, v1::RoleConfiguration& message) {
    message.set_role_name(role.name);
    message.set_assume_role_policy_document(shown_trust(role, index));
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

std::vector<std::string> texts_of(const PrincipalIds& ids) {
    std::vector<std::string> texts;
    for (const auto& [arn, id] : ids)
        texts.push_back(fmt::format("{} ({})", arn, id.empty() ? "nobody" : id));
    return texts;
}

void compare_holders(AccessDifference& difference, const Holder& was, const Holder& is) {
    difference.text("path", was.path, is.path);
    difference.list("attached policies", was.attached, is.attached);
    difference.policies(was.inline_policies, is.inline_policies);
}

template <class Record>
void compare_principals(AccessDifference& difference, const Record& was, const Record& is) {
    compare_holders(difference, was, is);
    difference.list("identities", texts_of(was.identities), texts_of(is.identities));
    difference.text("permissions boundary", was.boundary.value_or(""), is.boundary.value_or(""));
    difference.list("tags", texts_of(was.tags), texts_of(is.tags));
}

template <class Record>
void compare_suspensions(AccessDifference& difference, const Record& was, const Record& is) {
    const auto expiry = [](const Record& record) {
        return record.expires ? access::format_iso_time(*record.expires) : "never";
    };
    difference.text("disabled", was.disabled ? "yes" : "no", is.disabled ? "yes" : "no");
    difference.text("expires", expiry(was), expiry(is));
}

AccessDifference compare(const User& was, const User& is) {
    AccessDifference difference;
    compare_principals(difference, was, is);
    difference.list("groups", was.groups, is.groups);
    compare_suspensions(difference, was, is);
    return difference;
}

AccessDifference compare(const Group& was, const Group& is) {
    AccessDifference difference;
    compare_holders(difference, was, is);
    return difference;
}

AccessDifference compare(const Role& was, const Role& is) {
    AccessDifference difference;
    compare_principals(difference, was, is);
    difference.document("trust policy", was.trust, is.trust);
    difference.text("description", was.description, is.description);
    difference.text("maximum session duration", std::to_string(was.max_session_duration),
                    std::to_string(is.max_session_duration));
    compare_suspensions(difference, was, is);
    return difference;
}

AccessDifference compare(const ManagedPolicy& was, const ManagedPolicy& is) {
    const auto document = [](const ManagedPolicy& policy) {
        return policy.versions.empty() ? std::string() : policy.current().document;
    };
    AccessDifference difference;
    difference.text("path", was.path, is.path);
    difference.text("description", was.description, is.description);
    difference.list("tags", texts_of(was.tags), texts_of(is.tags));
    difference.document(kDocument, document(was), document(is));
    return difference;
}

AccessDifference compare(const ListenerPolicy& was, const ListenerPolicy& is) {
    AccessDifference difference;
    difference.document(kDocument, was.document, is.document);
    return difference;
}

// ---- apply ------------------------------------------------------------------------------------------------

class Application {
public:
    Application(Work& work, v1::ApplyAccessConfigurationResponse& response)
        : work_(work), before_(work.directory().records(), work.account()), changes_(response) {}

    void policy(const v1::PolicyConfiguration& message) {
        const auto& name = message.policy_name();
        const IamKey key{IamKind::policy, name};
        claim(key);
        const auto* was = work_.records().find<ManagedPolicy>(name);
        ManagedPolicy policy = was != nullptr ? *was : fresh_policy(name);
        naming(key, [&] {
            policy.path = message.has_path() ? message.path() : "/";
            policy.description = message.description();
            policy.tags = tags_of(message.tags());
            check_tags(policy.tags);
            // Before it is compared: of members that come twice, a comparison would see one.
            check_document(kDocument, message.policy_document(), DocumentKind::identity);
            if (was == nullptr || !same_json(was->current().document, message.policy_document()))
                add_version(policy, message.policy_document());
            keep(key, was, std::move(policy));
        });
    }

    template <class Record, class Message>
    void record(const std::string& name, const Message& message) {
        const IamKey key{Record::kKind, name};
        claim(key);
        const auto* was = work_.records().find<Record>(name);
        Record record;
        if (was != nullptr) {
            record = *was;
        } else {
            record.name = name;
            begin(record);
        }
        naming(key, [&] {
            read(message, record);
            check_documents(record);
            if constexpr (std::is_same_v<Record, Role>) {
                keep_role(key, was, std::move(record));
            } else {
                keep(key, was, std::move(record));
            }
        });
    }

    /// Whom the trust policies of the configuration mean, once everybody is there.
    void bind_trusts() {
        const PrincipalIndex index(work_.records(), work_.account());
        for (const auto& [text, was, put] : trusts_) {
            auto principals = bind_policy(text, DocumentKind::trust, index);
            const bool others = same_json(was.trust, text) && was.trust_principals != principals;
            if (!put && !others) continue;
            if (others) {
                AccessDifference difference;
                difference.list("principals of the trust policy", texts_of(was.trust_principals),
                                texts_of(principals));
                add("update", {IamKind::role, was.name}, difference);
            }
            auto& role = work_.draft().edit<Role>(was.name);
            role.trust = text;
            role.trust_principals = std::move(principals);
        }
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
            const auto* was = work_.records().find<Record>(name);
            add("delete", IamKey{Record::kKind, name},
                was == nullptr ? AccessDifference() : compare(*was, Record()));
            if constexpr (kIsPrincipal<Record>) {
                names_.gone.push_back(principal_name(work_.arn<Record>(name)));
                if (was != nullptr) deleted_.push_back({work_.arn<Record>(name), was->id});
            }
            work_.draft().erase<Record>(name);
        }
    }

    /// What the request's event tells of the changes: who was given what, with the documents that are now in
    /// force. Within CloudTrail's limit of the member, and with the count of what is not told for it.
    void tell_event(std::optional<boost::json::object>& parameters) const {
        if (!parameters) parameters.emplace();
        changes_.tell(*parameters);
    }

    /// Users and roles that it makes, deletes or moves to another path.
    [[nodiscard]] const ChangedNames& names() const noexcept { return names_; }
    [[nodiscard]] const std::vector<Deleted>& deleted() const noexcept { return deleted_; }

    /// That the whole is consistent: every record is valid, and refers to what is there.
    void check() const {
        const auto& records = work_.records();
        for (const auto kind :
             {IamKind::user, IamKind::group, IamKind::role, IamKind::policy, IamKind::listener})
            check_count(records, kind);
        for (const auto& [name, group] : records.groups) {
            naming({IamKind::group, name}, [&, &group = group] {
                check_attached(records, work_.account(), "Group", group->attached);
            });
        }
        for (const auto& [name, role] : records.roles) {
            naming({IamKind::role, name}, [&, &role = role] { check_principal("Role", *role); });
        }
        for (const auto& [name, user] : records.users) {
            naming({IamKind::user, name}, [&, &user = user] {
                check_principal("User", *user);
                check_groups(records, user->groups);
            });
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

    /// Does what is about an entity, and names it in what is refused: the client finds it in its files by
    /// that.
    template <class Action>
    static void naming(const std::string& what, Action action) {
        try {
            action();
        } catch (const ServiceError& error) {
            throw ServiceError(error.code(), fmt::format("{}: {}", what, error.what()), error.retryable());
        }
    }
    template <class Action>
    static void naming(const IamKey& key, Action action) {
        naming(storage::describe(key), std::move(action));
    }

    static void check_document(std::string_view member, const std::string& text, DocumentKind kind) {
        naming(std::string(member), [&] { check_policy(text, kind); });
    }
    static void check_documents(const ListenerPolicy& policy) {
        check_document(kDocument, policy.document, DocumentKind::listener);
    }
    template <class Record>
    static void check_documents(const Record& record) {
        if constexpr (std::is_same_v<Record, Role>)
            check_document("trust policy", record.trust, DocumentKind::trust);
        for (const auto& [name, text] : record.inline_policies)
            check_document(fmt::format("inline policy '{}'", name), text, DocumentKind::identity);
        check_inline_policies(record);
    }

    template <class Record>
    void check_principal(std::string_view holder, const Record& record) const {
        const auto& records = work_.records();
        const IamKey key{Record::kKind, record.name};
        if (wanted_.contains(key)) {
            check_tags(record.tags);
            check_identities(records, key, record.identities);
        }
        check_attached(records, work_.account(), holder, record.attached);
        check_boundary(records, work_.account(), record.boundary);
    }

    /// A configuration says of a trust policy what is shown of it.
    void keep_role(const IamKey& key, const Role* was, Role record) {
        Trust trust{record.trust, {}, false};
        trust.was.name = key.name;
        if (was != nullptr) {
            trust.was = *was;
            trust.was.trust = shown_trust(*was, before_);
            trust.was.trust_principals = access::shown_ids(was->trust_principals, before_);
        }
        trust.put = keep(key, was != nullptr ? &trust.was : nullptr, std::move(record));
        trusts_.push_back(std::move(trust));
    }

    /// Puts the record into the draft when it is another than `was`; null: there is none. Whether it was.
    template <class Record>
    bool keep(const IamKey& key, const Record* was, Record record) {
        const auto difference = compare(was != nullptr ? *was : Record(), record);
        if (was != nullptr && difference.none()) return false;
        const bool fault = work_.records().faults.contains(key);
        if (was == nullptr && !fault && name_taken<Record>(work_.records(), key.name))
            throw already_exists<Record>(key.name);
        add(fault ? "repair" : was != nullptr ? "update" : "create", key, difference);
        if constexpr (std::is_same_v<Record, ListenerPolicy> || std::is_same_v<Record, ManagedPolicy>)
            record.updated = work_.now();
        if constexpr (kIsPrincipal<Record>) {
            if (fault) {
                names_.repaired.push_back(principal_name(work_.account(), record));
            } else {
                note_names(was, record);
            }
        }
        work_.draft().put(std::move(record));
        return true;
    }

    template <class Record>
    static constexpr bool kIsPrincipal = std::is_same_v<Record, User> || std::is_same_v<Record, Role>;

    template <class Record>
    void note_names(const Record* was, const Record& record) {
        auto made = principal_name(work_.account(), record);
        if (was != nullptr) {
            auto gone = principal_name(work_.account(), *was);
            if (gone.arn == made.arn) return;
            names_.gone.push_back(std::move(gone));
        }
        names_.made.push_back(std::move(made));
    }

    void add(const std::string& action, const IamKey& key, const AccessDifference& difference) {
        changes_.add(action, fmt::format("{} {}", storage::iam_kind_name(key.kind), key.name), difference);
    }

    /// A role of the configuration.
    struct Trust {
        std::string text;
        /// As it was shown; with no more than its name when there was none.
        Role was;
        /// Whether it is in the draft.
        bool put = false;
    };

    Work& work_;
    /// Of those before the change.
    PrincipalIndex before_;
    AccessChanges changes_;
    std::vector<Trust> trusts_;
    std::set<IamKey> wanted_;
    ChangedNames names_;
    std::vector<Deleted> deleted_;
};

}  // namespace

v1::GetAccessConfigurationResponse get_access_configuration(
    Work& work, const v1::GetAccessConfigurationRequest& request) {
    work.require(Action::iam_get_account_authorization_details, "*");
    v1::GetAccessConfigurationResponse response;
    auto& configuration = *response.mutable_configuration();
    Page page(request, response);
    const auto& records = work.records();
    const PrincipalIndex index(records, work.account());
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
        if (page.takes("role/" + name)) put(*role, index, *configuration.add_roles());
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
    application.bind_trusts();
    // Before it is looked at as a whole: what was refused is told as well.
    if (!request.dry_run()) application.tell_event(work.call().record->parameters);
    application.check();
    application.require_caller_stays();
    require_none_locked(work, application.deleted());
    warn_of_naming_policies(work, application.names(), *response.mutable_warnings());
    return response;
}

}  // namespace coffer::iam
