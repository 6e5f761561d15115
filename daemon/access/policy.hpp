#pragma once
// A policy, compiled for decisions: made once, kept in a cache, shared between threads.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/access/document_parser.hpp"
#include "daemon/access/statement.hpp"
#include "daemon/base/principal_ids.hpp"

namespace coffer::access {

class Policy;
using PolicyPtr = std::shared_ptr<const Policy>;

/// Immutable; thread-safe.
class Policy {
public:
    /// `name` is how decisions and explanations call the policy: an ARN, "alice/inline-1", a secret's ARN.
    /// `ids` are those of its principals.
    [[nodiscard]] static PolicyPtr compile(const PolicyDocument& document, std::string name,
                                           const PrincipalIds& ids = {});
    /// Parses and compiles. Throws MalformedPolicy.
    [[nodiscard]] static PolicyPtr parse(std::string_view text, std::string name, const ParseOptions& options,
                                         const PrincipalIds& ids = {});

    [[nodiscard]] DocumentKind kind() const noexcept { return kind_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::span<const Statement> statements() const noexcept { return statements_; }
    /// The actions that some statement is about; a request for another is not touched by this policy.
    [[nodiscard]] const ActionSet& actions() const noexcept { return actions_; }

private:
    Policy() = default;

    DocumentKind kind_ = DocumentKind::identity;
    std::string name_;
    std::vector<Statement> statements_;
    ActionSet actions_;
};

}  // namespace coffer::access
