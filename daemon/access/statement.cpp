#include "daemon/access/statement.hpp"

#include <algorithm>

#include "daemon/access/bound_principals.hpp"

namespace coffer::access {

Statement::Statement(const StatementDocument& document, LanguageVersion version, std::size_t index,
                     const PrincipalIds& ids)
    : effect_(document.effect), index_(index), at_(document.at) {
    if (document.sid) sid_ = document.sid->text;
    for (const auto& action : document.actions.values) actions_ |= matching_actions(action.text);
    if (document.actions.negated) actions_.flip();
    if (document.principal) {
        not_principal_ = document.principal->negated;
        principals_.emplace();
        for (const auto& entry : document.principal->entries)
            principals_->push_back(compile(entry, ids, favours_named(document)));
    }
    const bool variables = version == LanguageVersion::v2012;
    if (document.resources) {
        not_resource_ = document.resources->negated;
        for (const auto& value : document.resources->values) {
            resources_.push_back(ArnPattern::parse(value.text, variables));
            resource_variables_ = resource_variables_ || resources_.back().has_variables();
        }
    } else {
        resources_.push_back(ArnPattern::parse("*", false));  // a trust policy: its own role
    }
    for (const auto& entry : document.conditions) {
        conditions_.emplace_back(entry, version);
        condition_variables_ = condition_variables_ || conditions_.back().has_variables();
    }
}

std::vector<std::string> Statement::written_resources(const RequestContext& request) const {
    if (not_resource_ || resources_.empty()) return {"*"};
    std::vector<std::string> out;
    for (const auto& pattern : resources_) {
        if (auto text = pattern.written(request)) out.push_back(std::move(*text));
    }
    return out;
}

std::string Statement::label() const {
    return sid_.empty() ? "statement " + std::to_string(index_ + 1) : sid_;
}

Statement::Who Statement::compile(const PrincipalEntry& entry) {
    using Form = Who::Form;
    const auto& text = entry.value.text;
    switch (entry.kind) {
        case PrincipalKind::any:
            return {Form::any, {}};
        case PrincipalKind::service:
            return {Form::service, text};
        case PrincipalKind::federated:
            return {Form::federated, text};
        case PrincipalKind::canonical_user:
            return {Form::nobody, text};
        case PrincipalKind::aws:
            break;
    }
    if (is_account_id(text)) return {Form::account, text};
    const auto arn = split_arn(text);
    if (!arn) return {Form::unique_id, text};
    if (arn->resource() == "root") return {Form::account, std::string(arn->account())};
    return {Form::arn, text};
}

Statement::Who Statement::compile(const PrincipalEntry& entry, const PrincipalIds& ids, bool favours_named) {
    auto who = compile(entry);
    if (who.form != Who::Form::arn) return who;
    const auto found = ids.find(who.text);
    if (found == ids.end()) return who;
    if (!found->second.empty()) return {Who::Form::unique_id, found->second};
    if (favours_named) who.form = Who::Form::nobody;
    return who;
}

PrincipalMatch Statement::match_one(const Who& who, const Principal& principal) {
    using Form = Who::Form;
    const auto direct_if = [](bool yes) { return yes ? PrincipalMatch::direct : PrincipalMatch::none; };
    switch (who.form) {
        case Form::any:
            return PrincipalMatch::direct;
        case Form::account:
            if (principal.account != who.text) return PrincipalMatch::none;
            return principal.type == PrincipalType::account ? PrincipalMatch::direct
                                                            : PrincipalMatch::account;
        case Form::arn:
            if (principal.issuer_arn == who.text) return PrincipalMatch::issuer;
            return direct_if(principal.arn == who.text);
        case Form::unique_id:
            if (!principal.id.starts_with(who.text)) return PrincipalMatch::none;
            if (principal.id.size() == who.text.size()) return PrincipalMatch::direct;
            // A session's id is its role's, a colon and the session's name.
            return principal.id[who.text.size()] == ':' ? PrincipalMatch::issuer : PrincipalMatch::none;
        case Form::service:
            return direct_if(principal.type == PrincipalType::service && principal.name == who.text);
        case Form::federated:
            if (principal.federated_provider != who.text) return PrincipalMatch::none;
            // A session of a role that the provider's token began: as much as naming the role.
            return principal.type == PrincipalType::federated_user ? PrincipalMatch::direct
                                                                   : PrincipalMatch::issuer;
        case Form::nobody:
            return PrincipalMatch::none;
    }
    return PrincipalMatch::none;
}

PrincipalMatch Statement::match_principal(const Principal& principal, StatementScope scope) const {
    if (!principals_) return PrincipalMatch::direct;
    if (not_principal_) {
        if (effect_ == Effect::deny && scope.caller_has_boundary) return PrincipalMatch::direct;
        return excepts(principal) ? PrincipalMatch::none : PrincipalMatch::direct;
    }
    auto best = PrincipalMatch::none;
    for (const auto& who : *principals_) best = std::max(best, match_one(who, principal));
    return best;
}

/// Whom NotPrincipal spares. An account in it spares no more than its root user from a Deny, while an Allow
/// leaves out everybody in it: either is the reading that grants less.
bool Statement::excepts(const Principal& principal) const {
    const auto least = effect_ == Effect::deny ? PrincipalMatch::issuer : PrincipalMatch::account;
    return std::any_of(principals_->begin(), principals_->end(),
                       [&](const Who& who) { return match_one(who, principal) >= least; });
}

bool Statement::match_resource(const RequestContext& request) const {
    const bool found = std::any_of(resources_.begin(), resources_.end(), [&](const ArnPattern& pattern) {
        return pattern.matches(request.resource(), request.resource_arn(), request);
    });
    return found != not_resource_;
}

bool Statement::lacks_resource_variable(const RequestContext& request) const {
    return std::any_of(resources_.begin(), resources_.end(),
                       [&](const ArnPattern& pattern) { return !pattern.resolves(request); });
}

const Condition* Statement::lacking_condition(const RequestContext& request) const {
    if (!condition_variables_) return nullptr;
    const auto found = std::find_if(conditions_.begin(), conditions_.end(), [&](const Condition& condition) {
        return condition.lacks_variable(request);
    });
    return found == conditions_.end() ? nullptr : &*found;
}

PrincipalMatch Statement::applies(const RequestContext& request, StatementScope scope) const {
    if (!actions_[static_cast<std::size_t>(request.action())]) return PrincipalMatch::none;
    const auto principal = match_principal(request.principal(), scope);
    if (principal == PrincipalMatch::none || !match_resource(request)) return PrincipalMatch::none;
    for (const auto& condition : conditions_) {
        if (!condition.holds(request)) return PrincipalMatch::none;
    }
    // Last, since hardly a statement gets so far: one that lacks a variable is void, whatever else it says.
    if (resource_variables_ && lacks_resource_variable(request)) return PrincipalMatch::none;
    return lacking_condition(request) == nullptr ? principal : PrincipalMatch::none;
}

PrincipalMatch Statement::applies_in_question(const RequestContext& request, StatementScope scope) const {
    const auto found = prospect(request, scope);
    if (!found.open) return found.principal;
    const auto counts =
        effect_ == Effect::allow ? OpenStatements::allows_apply : OpenStatements::denies_apply;
    return scope.open == counts ? found.principal : PrincipalMatch::none;
}

Statement::Prospect Statement::prospect(const RequestContext& request, StatementScope scope) const {
    if (!actions_[static_cast<std::size_t>(request.action())]) return {};
    Prospect out{match_principal(request.principal(), scope), false};
    if (out.principal == PrincipalMatch::none) return {};
    const bool resolves = std::all_of(resources_.begin(), resources_.end(), [&](const ArnPattern& pattern) {
        return pattern.may_resolve(request);
    });
    if (!resolves) return {};
    out.open = resource_variables_ && !open_in_resource(request).empty();
    if (!out.open && !match_resource(request)) return {};
    for (const auto& condition : conditions_) {
        if (!condition.may_hold(request)) return {};
        out.open = out.open || condition.hangs_on_open(request);
    }
    return out;
}

std::vector<const Condition*> Statement::open_conditions(const RequestContext& request) const {
    std::vector<const Condition*> out;
    for (const auto& condition : conditions_) {
        if (condition.hangs_on_open(request)) out.push_back(&condition);
    }
    return out;
}

std::vector<KeyRef> Statement::open_in_resource(const RequestContext& request) const {
    std::vector<KeyRef> out;
    for (const auto& pattern : resources_) pattern.collect_open(request, out);
    return out;
}

Statement::Match Statement::match(const RequestContext& request, StatementScope scope) const {
    if (!actions_[static_cast<std::size_t>(request.action())]) return {};
    Match match;
    match.principal = match_principal(request.principal(), scope);
    if (match.principal == PrincipalMatch::none) {
        match.result = StatementResult::other_principal;
        return match;
    }
    // Before anything that uses them: a statement is void whichever of its parts lacks the variable.
    if (resource_variables_ && lacks_resource_variable(request)) {
        match.result = StatementResult::variable_missing;
        return match;
    }
    if (const auto* lacking = lacking_condition(request)) {
        match.result = StatementResult::variable_missing;
        match.condition = lacking;
        return match;
    }
    if (!match_resource(request)) {
        match.result = StatementResult::other_resource;
        return match;
    }
    for (const auto& condition : conditions_) {
        if (condition.holds(request)) continue;
        match.result = StatementResult::condition_false;
        match.condition = &condition;
        return match;
    }
    match.result = StatementResult::applies;
    return match;
}

}  // namespace coffer::access
