#include "daemon/iam/directory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "daemon/access/ascii.hpp"
#include "daemon/access/malformed_policy.hpp"
#include "daemon/iam/json_fields.hpp"
#include "daemon/iam/managed_policies.hpp"
#include "daemon/iam/names.hpp"
#include "daemon/iam/record_json.hpp"
#include "daemon/iam/suspension.hpp"

namespace coffer::iam {

namespace {

using access::DocumentKind;
using access::Policy;

std::vector<access::PolicyPtr> compile_inline(const Holder& holder) {
    std::vector<access::PolicyPtr> compiled;
    for (const auto& [name, text] : holder.inline_policies) {
        compiled.push_back(Policy::parse(text, holder.name + "/" + name, {.kind = DocumentKind::identity}));
    }
    return compiled;
}

/// What AWS keeps from the session that GetSessionToken makes: IAM, which wants a second factor there, and
/// more sessions of its kind. (Coffer's whole configuration of access is IAM by another name.)
const access::PolicyPtr& user_session_policy() {
    static const auto kPolicy = Policy::parse(
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},)"
        R"({"Sid":"NoIam","Effect":"Deny","Action":["iam:*","coffer:ApplyAccessConfiguration","sts:GetSessionToken"],)"
        R"("Resource":"*"}]})",
        "of every session that GetSessionToken makes", {.kind = DocumentKind::session});
    return kPolicy;
}

/// The role's tags and, over them, those of the session. Keys compare without regard to case, as everywhere
/// in IAM.
std::vector<Tag> session_tags(std::vector<Tag> tags, const std::vector<Tag>& of_session) {
    for (const auto& tag : of_session) {
        std::erase_if(tags, [&](const Tag& own) { return access::equals_ignore_case(own.key, tag.key); });
    }
    tags.insert(tags.end(), of_session.begin(), of_session.end());
    return tags;
}

}  // namespace

DirectoryPtr Directory::build(storage::StoredIam stored, std::string account, const Directory* previous) {
    const std::shared_ptr<Directory> directory(new Directory);
    directory->account_ = std::move(account);
    directory->stored_ = std::move(stored);
    for (const auto& [key, fault] : directory->stored_.faults) {
        directory->records_.faults.emplace(key, storage::describe(fault));
    }
    directory->read_entries(previous);
    directory->claim_for_faults();
    directory->settle();
    return directory;
}

DirectoryPtr Directory::distrusted(std::string account, std::string reason) {
    const std::shared_ptr<Directory> directory(new Directory);
    directory->account_ = std::move(account);
    directory->distrust_ = std::move(reason);
    return directory;
}

Directory::EntryPtr Directory::read_entry(const storage::StoredIamEntityPtr& source) const {
    auto entry = std::make_shared<Entry>();
    const auto& [key, revision, document, seal] = *source;
    entry->source = source;
    switch (key.kind) {
        case IamKind::user:
            entry->user = std::make_shared<const User>(read_document<User>(key.name, document));
            entry->policies = compile_inline(*entry->user);
            break;
        case IamKind::group:
            entry->group = std::make_shared<const Group>(read_document<Group>(key.name, document));
            entry->policies = compile_inline(*entry->group);
            break;
        case IamKind::role:
            entry->role = std::make_shared<const Role>(read_document<Role>(key.name, document));
            entry->policies = compile_inline(*entry->role);
            entry->trust = Policy::parse(entry->role->trust, arn_of(account_, *entry->role),
                                         {.kind = DocumentKind::trust}, entry->role->trust_principals);
            break;
        case IamKind::policy: {
            entry->policy =
                std::make_shared<const ManagedPolicy>(read_document<ManagedPolicy>(key.name, document));
            const auto& text = entry->policy->current().document;
            const auto arn = arn_of(account_, *entry->policy);
            entry->policies = {Policy::parse(text, arn, {.kind = DocumentKind::identity})};
            entry->boundary = Policy::parse(text, arn, {.kind = DocumentKind::boundary});
            break;
        }
        case IamKind::listener:
            entry->listener =
                std::make_shared<const ListenerPolicy>(read_document<ListenerPolicy>(key.name, document));
            entry->policies = {Policy::parse(entry->listener->document, "listener/" + key.name,
                                             {.kind = DocumentKind::listener})};
            break;
        case IamKind::account:
            break;
    }
    return entry;
}

void Directory::read_entries(const Directory* previous) {
    for (const auto& [key, source] : stored_.entities) {
        if (previous != nullptr) {
            const auto known = previous->entries_.find(key);
            if (known != previous->entries_.end() && known->second->source == source) {
                index(known->second);
                continue;
            }
        }
        try {
            index(read_entry(source));
        } catch (const BadDocument& error) {
            records_.faults.emplace(
                key, fmt::format("cannot be read by this version of Coffer ({})", error.what()));
        } catch (const access::MalformedPolicy& error) {
            records_.faults.emplace(
                key,
                fmt::format("has a policy that this version of Coffer does not accept ({})", error.what()));
        }
    }
}

void Directory::index(const EntryPtr& entry) {
    const auto& key = entry->source->key;
    entries_.emplace(key, entry);
    if (entry->user) records_.users.emplace(key.name, entry->user);
    if (entry->group) records_.groups.emplace(key.name, entry->group);
    if (entry->role) records_.roles.emplace(key.name, entry->role);
    if (entry->policy) records_.policies.emplace(key.name, entry->policy);
    if (entry->listener) {
        records_.listeners.emplace(key.name, entry->listener);
        listeners_.emplace(key.name, access::ListenerStanding{entry->policies.front(), {}});
    }
    if (entry->user) {
        claim(key, entry->user->identities);
        owners_.emplace(entry->user->id, key);
        for (const auto& access_key : entry->user->access_keys) access_keys_.emplace(access_key.id, key);
    }
    if (entry->role) {
        claim(key, entry->role->identities);
        owners_.emplace(entry->role->id, key);
    }
}

void Directory::claim(const IamKey& principal, const std::vector<Identity>& identities) {
    for (const auto& identity : identities) {
        Claim claim{principal, identity.issuer};
        if (identity.kind == IdentityKind::subject) {
            patterns_.push_back({std::move(claim), SubjectPattern(identity.value)});
        } else {
            claims_[lookup_key(identity.kind, identity.value)].push_back(std::move(claim));
        }
    }
}

/// Whom a row that is not believed belongs to is still known, from the manifest.
void Directory::claim_for_faults() {
    for (const auto& [key, fault] : records_.faults) {
        const auto listing = stored_.listed.find(key);
        if (listing == stored_.listed.end()) continue;
        try {
            claim(key, read_claims(listing->second.claims));
        } catch (const BadDocument&) {
            // Of a newer version of the daemon; then its row is not read either.
        }
    }
}

void Directory::settle() {
    for (const auto& [name, user] : records_.users)
        standings_.emplace(IamKey{IamKind::user, name}, standing_of(*user));
    for (const auto& [name, role] : records_.roles)
        standings_.emplace(IamKey{IamKind::role, name}, standing_of(*role));
    for (const auto& [key, fault] : records_.faults) {
        // One that somebody inserted restricts nobody, as one that is gone must not set anybody free.
        if (key.kind != IamKind::listener || !stored_.listed.contains(key)) continue;
        listeners_.emplace(key.name,
                           access::ListenerStanding{
                               nullptr, fmt::format("the policy of listener '{}' {}", key.name, fault)});
    }
}

const Directory::Entry* Directory::find(const IamKey& key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : found->second.get();
}

std::string Directory::trouble_with(const IamKey& key) const {
    const auto fault = records_.faults.find(key);
    return fault == records_.faults.end() ? "does not exist" : fault->second;
}

access::PolicyPtr Directory::managed_policy(std::string_view arn, DocumentKind kind) const {
    if (const auto* built_in = find_built_in(arn)) return compiled(*built_in, kind);
    const auto name = parse_arn(arn);
    if (!name || name->kind != IamKind::policy) return nullptr;
    const auto* entry = find({IamKind::policy, name->name});
    if (entry == nullptr || arn_of(account_, *entry->policy) != arn) return nullptr;
    return kind == DocumentKind::boundary ? entry->boundary : entry->policies.front();
}

access::ListenerStanding Directory::stored_listener(std::string_view name) const {
    const auto found = listeners_.find(name);
    return found == listeners_.end() ? access::ListenerStanding{} : found->second;
}

access::PolicyPtr Directory::trust_policy(std::string_view role) const {
    const auto* entry = find({IamKind::role, std::string(role)});
    return entry == nullptr ? nullptr : entry->trust;
}

bool Directory::collect(const Holder& holder, const IamKey& key, std::vector<access::PolicyPtr>& into,
                        std::string& refusal) const {
    const auto* entry = find(key);
    into.insert(into.end(), entry->policies.begin(), entry->policies.end());
    for (const auto& arn : holder.attached) {
        auto policy = managed_policy(arn, DocumentKind::identity);
        if (!policy) {
            const auto name = parse_arn(arn);
            refusal = fmt::format("policy '{}', which is attached to {}, {}", arn, storage::describe(key),
                                  trouble_with({IamKind::policy, name ? name->name : arn}));
            return false;
        }
        into.push_back(std::move(policy));
    }
    return true;
}

bool Directory::set_boundary(const std::optional<std::string>& arn, const IamKey& key,
                             access::PolicyPtr& into, std::string& refusal) const {
    if (!arn) return true;
    into = managed_policy(*arn, DocumentKind::boundary);
    if (into) return true;
    const auto name = parse_arn(*arn);
    refusal = fmt::format("policy '{}', the permissions boundary of {}, {}", *arn, storage::describe(key),
                          trouble_with({IamKind::policy, name ? name->name : *arn}));
    return false;
}

std::optional<IamKey> Directory::principal_with_id(std::string_view id) const {
    const auto found = owners_.find(std::string(id));
    return found == owners_.end() ? std::nullopt : std::optional(found->second);
}

access::Principal Directory::principal_of(const IamKey& key, std::string_view session) const {
    access::Principal principal;
    principal.account = account_;
    if (key.kind == IamKind::user) {
        const auto& user = *records_.find<User>(key.name);
        principal.type = access::PrincipalType::user;
        principal.arn = arn_of(account_, user);
        principal.id = user.id;
        principal.name = user.name;
        return principal;
    }
    const auto& role = *records_.find<Role>(key.name);
    principal.type = access::PrincipalType::assumed_role;
    principal.issuer_arn = arn_of(account_, role);
    principal.arn = session_arn(account_, role.name, session);
    principal.id = fmt::format("{}:{}", role.id, session);
    return principal;
}

Standing Directory::standing_of(const User& user) const {
    const IamKey key{IamKind::user, user.name};
    auto rights = std::make_shared<access::Rights>();
    rights->principal = principal_of(key, {});
    rights->principal.tags = user.tags;
    rights->principal.groups = user.groups;
    Standing standing;
    bool whole = collect(user, key, rights->identity, standing.refusal) &&
                 set_boundary(user.boundary, key, rights->boundary, standing.refusal);
    for (const auto& name : user.groups) {
        if (!whole) break;
        const IamKey group_key{IamKind::group, name};
        const auto* group = records_.find<Group>(name);
        if (group == nullptr) {
            standing.refusal = fmt::format("group '{}', which {} is in, {}", name, storage::describe(key),
                                           trouble_with(group_key));
            whole = false;
        } else {
            whole = collect(*group, group_key, rights->identity, standing.refusal);
        }
    }
    if (whole) standing.rights = std::move(rights);
    return standing;
}

Standing Directory::standing_of(const Role& role) const {
    const IamKey key{IamKind::role, role.name};
    auto rights = std::make_shared<access::Rights>();
    rights->principal = principal_of(key, "--");
    rights->principal.tags = role.tags;
    Standing standing;
    if (collect(role, key, rights->identity, standing.refusal) &&
        set_boundary(role.boundary, key, rights->boundary, standing.refusal)) {
        standing.rights = std::move(rights);
    }
    return standing;
}

std::optional<Standing> Directory::standing(const IamKey& principal) const {
    const auto found = standings_.find(principal);
    if (found == standings_.end()) return std::nullopt;
    return found->second;
}

access::Recognition Directory::recognise(const access::CertificateIdentity& certificate,
                                         Timestamp now) const {
    access::Recognition found;
    if (!distrust_.empty()) {
        found.refusal = distrust_;
        return found;
    }
    std::set<IamKey> owners;
    const auto named = claims_.find(lookup_key(certificate));
    if (named != claims_.end()) {
        for (const auto& claim : named->second) {
            if (issuer_suits(claim.issuer, certificate)) owners.insert(claim.principal);
        }
    }
    for (const auto& [claim, pattern] : patterns_) {
        if (issuer_suits(claim.issuer, certificate) && pattern.matches(certificate.subject)) {
            owners.insert(claim.principal);
        }
    }
    const auto certificate_text =
        fmt::format("{} '{}'", access::name_kind_text(certificate.kind), certificate.name);
    if (owners.empty()) {
        found.refusal = fmt::format("no user or role has the certificate identity {}", certificate_text);
        return found;
    }
    if (owners.size() > 1) {
        found.refusal = fmt::format(
            "the certificate identity {} matches {} and {}; it must match one principal", certificate_text,
            storage::describe(*owners.begin()), storage::describe(*std::next(owners.begin())));
        return found;
    }
    const auto& owner = *owners.begin();
    const auto standing_found = standings_.find(owner);
    if (standing_found == standings_.end()) {
        found.refusal = fmt::format("{}, who has it, {}", storage::describe(owner), trouble_with(owner));
        return found;
    }
    const auto& standing = standing_found->second;
    auto principal = principal_of(owner, session_name(certificate.name));
    found.refusal = suspension(owner, now);
    if (found.refusal.empty()) {
        found.expires = expiry(owner);
        if (!standing.rights) found.refusal = standing.refusal;
    }
    if (!found.refusal.empty()) {
        found.refused = std::make_shared<const access::Principal>(std::move(principal));
        return found;
    }
    if (owner.kind == IamKind::user) {
        found.rights = standing.rights;
        return found;
    }
    auto session = std::make_shared<access::Rights>(*standing.rights);
    session->principal.arn = std::move(principal.arn);
    session->principal.id = std::move(principal.id);
    found.rights = std::move(session);
    return found;
}

std::string Directory::suspension(const IamKey& principal, Timestamp now) const {
    if (principal.kind == IamKind::user) return suspension_of(*records_.find<User>(principal.name), now);
    return suspension_of(*records_.find<Role>(principal.name), now);
}

std::optional<Timestamp> Directory::expiry(const IamKey& principal) const {
    if (principal.kind == IamKind::user) return records_.find<User>(principal.name)->expires;
    return records_.find<Role>(principal.name)->expires;
}

std::optional<Directory::KeyOwner> Directory::find_access_key(std::string_view id) const {
    const auto found = access_keys_.find(std::string(id));
    if (found == access_keys_.end()) return std::nullopt;
    const auto& user = *records_.find<User>(found->second.name);
    for (const auto& key : user.access_keys) {
        if (key.id == id) return KeyOwner{&user, &key};
    }
    return std::nullopt;
}

bool Directory::limit(const access::Session& session, access::Rights& rights, std::string& refusal) const {
    if (session.type == access::PrincipalType::user) rights.session.push_back(user_session_policy());
    if (!session.policy.empty()) {
        rights.session.push_back(Policy::parse(session.policy, "of the session " + rights.principal.arn,
                                               {.kind = DocumentKind::session}));
    }
    for (const auto& arn : session.policy_arns) {
        auto policy = managed_policy(arn, DocumentKind::identity);
        if (!policy) {
            const auto name = parse_arn(arn);
            refusal = fmt::format("policy '{}', which limits the session, {}", arn,
                                  trouble_with({IamKind::policy, name ? name->name : arn}));
            return false;
        }
        rights.session.push_back(std::move(policy));
    }
    return true;
}

access::PrincipalPtr Directory::owner_of(const access::Session& session) const {
    if (const auto owner = owners_.find(session.issuer_id); owner != owners_.end()) {
        return std::make_shared<const access::Principal>(principal_of(owner->second, session.name));
    }
    const auto was = parse_arn(session.issuer_arn);
    access::Principal principal;
    principal.type = session.type;
    principal.account = account_;
    principal.id = session.issuer_id;
    if (session.type == access::PrincipalType::user) {
        principal.arn = session.issuer_arn;
        if (was) principal.name = was->name;
    } else {
        principal.id += ":" + session.name;
        principal.issuer_arn = session.issuer_arn;
        if (was) principal.arn = session_arn(account_, was->name, session.name);
    }
    return std::make_shared<const access::Principal>(std::move(principal));
}

access::Recognition Directory::session(access::SessionPtr session, Timestamp now) const {
    access::Recognition found;
    settle_session(*session, now, found);
    if (!found.rights) found.refused = owner_of(*session);
    found.session = std::move(session);
    return found;
}

void Directory::settle_session(const access::Session& session, Timestamp now,
                               access::Recognition& found) const {
    found.refusal = distrust_;
    if (!found.refusal.empty()) return;
    if (session.expires <= now) {
        found.expired = true;
        found.refusal = fmt::format("its session expired at {}", access::format_iso_time(session.expires));
        return;
    }
    found.expires = session.expires;
    const auto owner = owners_.find(session.issuer_id);
    if (owner == owners_.end()) {
        found.refusal = "the user or role of its session was deleted, or is not believed";
        return;
    }
    const auto& key = owner->second;
    found.refusal = suspension(key, now);
    if (!found.refusal.empty()) return;
    if (const auto until = expiry(key)) found.expires = std::min(*until, session.expires);
    const bool is_user = key.kind == IamKind::user;
    const auto valid_from = is_user ? records_.find<User>(key.name)->sessions_valid_from
                                    : records_.find<Role>(key.name)->sessions_valid_from;
    if (valid_from && session.issued < *valid_from) {
        found.refusal = fmt::format("the sessions of {} that were issued before {} were revoked",
                                    storage::describe(key), access::format_iso_time(*valid_from));
        return;
    }
    const auto& standing = standings_.at(key);
    if (!standing.rights) {
        found.refusal = standing.refusal;
        return;
    }
    auto rights = std::make_shared<access::Rights>(*standing.rights);
    if (!is_user) {
        rights->principal.arn = session_arn(account_, key.name, session.name);
        rights->principal.id = session.issuer_id + ":" + session.name;
        rights->principal.tags = session_tags(std::move(rights->principal.tags), session.tags);
        rights->principal.federated_provider = session.federated_provider;
    }
    try {
        if (limit(session, *rights, found.refusal)) found.rights = std::move(rights);
    } catch (const access::MalformedPolicy& error) {
        found.refusal =
            fmt::format("its session policy is not accepted by this version of Coffer ({})", error.what());
    }
}

}  // namespace coffer::iam
