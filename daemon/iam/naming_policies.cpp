#include "daemon/iam/naming_policies.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <string_view>

#include "daemon/access/arn.hpp"
#include "daemon/access/bound_principals.hpp"
#include "daemon/access/document_parser.hpp"
#include "daemon/access/malformed_policy.hpp"
#include "daemon/base/errors.hpp"
#include "daemon/iam/principal_index.hpp"
#include "daemon/secrets/request_record.hpp"

namespace coffer::iam {

namespace {

constexpr std::size_t kSecretsAtOnce = 200;
/// Of one change; each is looked for in the policies of all secrets while nobody else can change anything.
constexpr std::size_t kMostPrincipals = 100;

/// "user/carol"
std::string short_name(const PrincipalName& principal) {
    const auto arn = access::split_arn(principal.arn);
    return arn ? std::string(arn->resource()) : principal.arn;
}

class NamingFinder {
public:
    /// `present` are all there are after the change.
    NamingFinder(const std::vector<PrincipalName>& principals, const PrincipalIndex& present)
        : principals_(principals), present_(present) {
        search_.found.resize(principals.size());
        for (const auto& principal : principals) {
            texts_.push_back(principal.arn);
            if (!principal.sessions.empty()) texts_.push_back(principal.sessions);
        }
    }

    void read(const Records& records, const Records& after) {
        for (const auto& [name, role] : records.roles) {
            const auto* then = after.find<Role>(name);
            if (then == nullptr) continue;
            auto ways =
                ways_of(of_role(name), role->trust, access::DocumentKind::trust, role->trust_principals);
            if (then != role.get()) {
                const auto later =
                    ways_of(of_role(name), then->trust, access::DocumentKind::trust, then->trust_principals);
                for (std::size_t i = 0; i < ways.size(); ++i) ways[i] = std::min(ways[i], later[i]);
            }
            note(of_role(name), ways);
        }
        for (const auto& [name, listener] : records.listeners)
            read(of_listener(name), listener->document, access::DocumentKind::listener, {});
        for (const auto& [key, fault] : records.faults) {
            if (key.kind == IamKind::role) cannot_read(of_role(key.name), "it " + fault);
            if (key.kind == IamKind::listener) cannot_read(of_listener(key.name), "it " + fault);
        }
    }

    void read_secrets(storage::ReadTransaction& tx) {
        if (full()) return;
        visit_secrets_about(tx, texts_, [this](auto& rows) {
            for (auto& row : rows) read(row);
            return full();
        });
    }

    [[nodiscard]] NamingSearch take() { return std::move(search_); }

private:
    static std::string of_role(const std::string& name) { return "the trust policy of role " + name; }
    static std::string of_listener(const std::string& name) { return "the policy of listener " + name; }

    void read(storage::SecretRepository::WithPolicy& row) {
        const auto what = "the resource policy of secret " + row.name;
        try {
            const auto secret = row.secret.take();
            read(what, secret.resource_policy.value(), access::DocumentKind::resource,
                 secret.policy_principals);
        } catch (const IntegrityError& broken) {
            cannot_read(what, broken.what());
        }
    }

    void read(const std::string& what, const std::string& text, access::DocumentKind kind,
              const PrincipalIds& ids) {
        note(what, ways_of(what, text, kind, ids));
    }

    /// How a policy names somebody by the ARN alone, from not at all on.
    enum class Way : std::uint8_t { none, before, idle, holds };

    /// Of each of the principals.
    std::vector<Way> ways_of(const std::string& what, const std::string& text, access::DocumentKind kind,
                             const PrincipalIds& ids) {
        std::vector<Way> ways(principals_.size(), Way::none);
        if (!may_name(text)) return ways;
        try {
            const auto document = access::parse_policy(text, {.kind = kind});
            for (std::size_t i = 0; i < principals_.size(); ++i)
                ways[i] = way_of(document, principals_[i], ids);
        } catch (const access::MalformedPolicy& malformed) {
            cannot_read(what, malformed.what());
        }
        return ways;
    }

    void note(const std::string& what, const std::vector<Way>& ways) {
        for (std::size_t i = 0; i < ways.size(); ++i) {
            if (ways[i] == Way::none) continue;
            auto& found = search_.found[i];
            auto& policies = ways[i] == Way::holds  ? found.policies
                             : ways[i] == Way::idle ? found.idle
                                                    : found.before;
            if (policies.size() <= NamingPolicies::kMostShown) policies.push_back(what);
        }
    }

    /// The same question that the database is asked: text without escapes has a principal literally.
    [[nodiscard]] bool may_name(std::string_view text) const {
        return text.find('\\') != std::string_view::npos ||
               std::any_of(texts_.begin(), texts_.end(), [&](const std::string& part) {
                   return text.find(part) != std::string_view::npos;
               });
    }

    [[nodiscard]] Way way_of(const access::PolicyDocument& document, const PrincipalName& principal,
                             const PrincipalIds& ids) const {
        auto way = Way::none;
        for (const auto& statement : document.statements) {
            if (!statement.principal) continue;
            const bool favours = access::favours_named(statement);
            for (const auto& entry : statement.principal->entries) {
                const auto& named = entry.value.text;
                if (entry.kind != access::PrincipalKind::aws || !principal.is(named)) continue;
                const auto id = ids.find(named);
                if (id == ids.end() || (id->second.empty() && !favours)) return Way::holds;
                if (id->second.empty()) {
                    way = Way::idle;
                } else if (!present_.find(id->second)) {
                    way = std::max(way, Way::before);
                }
            }
        }
        return way;
    }

    void cannot_read(const std::string& what, const std::string& why) {
        if (search_.unreadable.size() < NamingPolicies::kMostShown)
            search_.unreadable.push_back(fmt::format("{} ({})", what, why));
    }

    /// Whether more of them would say nothing new.
    [[nodiscard]] bool full() const {
        return std::all_of(search_.found.begin(), search_.found.end(), [](const NamingPolicies& found) {
            return found.policies.size() > NamingPolicies::kMostShown;
        });
    }

    const std::vector<PrincipalName>& principals_;
    const PrincipalIndex& present_;
    std::vector<std::string> texts_;
    NamingSearch search_;
};

enum class NameIs : std::uint8_t { made, repaired, gone };

std::string warning(const PrincipalName& principal, const NamingPolicies& found, NameIs what) {
    const auto name = short_name(principal);
    const auto kind = name.substr(0, name.find('/'));
    if (what == NameIs::made)
        return fmt::format("policies name {} already: {}; they hold for this {} now", name,
                           policies_text(found.policies), kind);
    return fmt::format(
        "policies still name {}: {}; a {} who is made with this name later will have what they say. Remove "
        "the principal from them",
        name, policies_text(found.policies), kind);
}

std::string idle_warning(const PrincipalName& principal, const NamingPolicies& found) {
    const auto name = short_name(principal);
    return fmt::format(
        "policies named {} before it was made: {}; they give this {} nothing until they are put again", name,
        policies_text(found.idle), name.substr(0, name.find('/')));
}

std::string before_warning(const PrincipalName& principal, const NamingPolicies& found) {
    const auto name = short_name(principal);
    return fmt::format(
        "policies mean the {0} before this one: {1}; they neither give this {2} anything nor keep anything "
        "from it "
        "until they are put again",
        name, policies_text(found.before), name.substr(0, name.find('/')));
}

void add_warnings(const std::vector<PrincipalName>& principals, const NamingSearch& search, NameIs what,
                  std::vector<std::string>& warnings) {
    for (std::size_t i = 0; i < principals.size(); ++i) {
        const auto& found = search.found[i];
        if (!found.none() && what != NameIs::repaired)
            warnings.push_back(warning(principals[i], found, what));
        if (!found.idle.empty() && what == NameIs::made)
            warnings.push_back(idle_warning(principals[i], found));
        if (!found.before.empty() && what != NameIs::gone)
            warnings.push_back(before_warning(principals[i], found));
    }
    if (search.unreadable.empty()) return;
    warnings.push_back(fmt::format(
        "these policies could not be looked at, and may name {}{}: {}", short_name(principals.front()),
        principals.size() > 1 ? " and others of the change" : "", fmt::join(search.unreadable, ", ")));
}

/// The first of them; whoever is left out is counted.
std::vector<PrincipalName> at_most(std::vector<PrincipalName> principals,
                                   std::vector<std::string>& warnings) {
    if (principals.size() <= kMostPrincipals) return principals;
    warnings.push_back(fmt::format(
        "policies were looked through for {} users and roles of the change, and not for the other {}; "
        "'coffer iam lint' before a change lists principals that policies name and that are not there",
        kMostPrincipals, principals.size() - kMostPrincipals));
    principals.resize(kMostPrincipals);
    return principals;
}

}  // namespace

bool PrincipalName::is(std::string_view principal) const noexcept {
    return principal == arn || (!sessions.empty() && principal.starts_with(sessions));
}

PrincipalName principal_name(const std::string& account, const User& user) {
    return {arn_of(account, user)};
}

PrincipalName principal_name(const std::string& account, const Role& role) {
    return {arn_of(account, role), session_arn(account, role.name, {})};
}

PrincipalName principal_name(const std::string& arn) {
    const auto name = parse_arn(arn);
    if (!name || name->kind != IamKind::role) return {arn};
    return {arn, session_arn(name->account, name->name, {})};
}

std::string policies_text(const std::vector<std::string>& policies) {
    constexpr auto kMost = NamingPolicies::kMostShown;
    const auto shown = static_cast<std::ptrdiff_t>(std::min(policies.size(), kMost));
    return fmt::format("{}{}", fmt::join(policies.begin(), policies.begin() + shown, ", "),
                       policies.size() > kMost ? " and others" : "");
}

void visit_secrets_about(
    storage::ReadTransaction& tx, const std::vector<std::string>& texts,
    const std::function<bool(std::vector<storage::SecretRepository::WithPolicy>&)>& visit) {
    std::string after;
    while (true) {
        auto rows = storage::SecretRepository::list_with_policy_about(tx, texts, after, kSecretsAtOnce);
        if (visit(rows) || rows.size() < kSecretsAtOnce) return;
        after = rows.back().name;
    }
}

NamingSearch find_naming_policies(Work& work, const Records& records, const Records& after,
                                  const std::vector<PrincipalName>& principals) {
    if (principals.empty()) return {};
    const PrincipalIndex present(after, work.account());
    NamingFinder finder(principals, present);
    finder.read(records, after);
    if (work.has_database()) finder.read_secrets(work.database());
    return finder.take();
}

void require_not_named(Work& work, const PrincipalName& from, const PrincipalName& to) {
    const std::vector<PrincipalName> both{from, to};
    const auto search = find_naming_policies(work, work.records(), work.records(), both);
    for (std::size_t i = 0; i < both.size(); ++i) {
        if (search.found[i].none()) continue;
        throw delete_conflict(fmt::format(
            "Cannot rename {} to {}: policies name {}: {}. They follow the ARN, not the user, so "
            "they would {}.",
            short_name(from), short_name(to), both[i].arn, policies_text(search.found[i].policies),
            i == 0 ? "not hold for this user any more. Put them again as they are first, so that "
                     "they mean the user; remove the principal from those of listeners"
                   : "hold for this user then. Remove the principal from them first"));
    }
    // What is not believed now may be restored as it was, and hold again for whoever has the name then.
    if (!search.unreadable.empty()) {
        throw ServiceError(
            v1::INTEGRITY_FAILURE,
            fmt::format("Cannot rename {} to {}: these policies cannot be looked at, and may name one of "
                        "them: {}. Repair or delete them first.",
                        short_name(from), short_name(to), fmt::join(search.unreadable, ", ")));
    }
}

void warn_of_naming_policies(Work& work, const ChangedNames& names,
                             google::protobuf::RepeatedPtrField<std::string>& answer) {
    std::vector<std::string> warnings;
    const auto made = at_most(names.made, warnings);
    add_warnings(made, find_naming_policies(work, work.directory().records(), work.records(), made),
                 NameIs::made, warnings);
    const auto repaired = at_most(names.repaired, warnings);
    add_warnings(repaired, find_naming_policies(work, work.directory().records(), work.records(), repaired),
                 NameIs::repaired, warnings);
    const auto gone = at_most(names.gone, warnings);
    add_warnings(gone, find_naming_policies(work, work.records(), work.records(), gone), NameIs::gone,
                 warnings);
    auto& elements = work.call().record->response_elements;
    elements.reset();
    if (warnings.empty()) return;
    elements.emplace(boost::json::object{{"warnings", boost::json::array(warnings.begin(), warnings.end())}});
    answer.Assign(warnings.begin(), warnings.end());
}

}  // namespace coffer::iam
