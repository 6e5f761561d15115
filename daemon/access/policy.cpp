#include "daemon/access/policy.hpp"

namespace coffer::access {

PolicyPtr Policy::compile(const PolicyDocument& document, std::string name, const PrincipalIds& ids) {
    // Not make_shared: the constructor is private, so that every policy is a parsed one.
    std::shared_ptr<Policy> policy(new Policy());  // NOLINT(cppcoreguidelines-owning-memory): owned at once
    policy->kind_ = document.kind;
    policy->name_ = std::move(name);
    policy->statements_.reserve(document.statements.size());
    for (const auto& statement : document.statements) {
        const auto& added =
            policy->statements_.emplace_back(statement, document.version, policy->statements_.size(), ids);
        policy->actions_ |= added.actions();
    }
    return policy;
}

PolicyPtr Policy::parse(std::string_view text, std::string name, const ParseOptions& options,
                        const PrincipalIds& ids) {
    return compile(parse_policy(text, options), std::move(name), ids);
}

}  // namespace coffer::access
