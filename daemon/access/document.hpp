#pragma once
// A policy document as it was written, checked against the grammar, each element with its place. Compilation,
// findings and whoever shows a policy work from this.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/access/condition_keys.hpp"
#include "daemon/access/condition_operators.hpp"
#include "daemon/access/text_position.hpp"

namespace coffer::access {

/// What a policy is attached to. Decides which elements it must or must not have.
enum class DocumentKind : std::uint8_t {
    /// To a user, a group or a role: no Principal, no Id.
    identity,
    /// To a secret: Principal in every statement.
    resource,
    /// To a role, saying who may assume it: Principal, no Resource.
    trust,
    /// A permissions boundary: as identity.
    boundary,
    /// Given with AssumeRole: as identity.
    session,
    /// To a listener, as AWS's VPC endpoint policies: Principal in every statement.
    listener
};

inline constexpr std::size_t kDocumentKinds = 6;

/// "identity-based policy", "resource-based policy", ..., as AWS's messages name them.
[[nodiscard]] std::string_view kind_name(DocumentKind kind) noexcept;

enum class LanguageVersion : std::uint8_t {
    /// "2008-10-17", also when a document names none: `${` has no meaning.
    v2008,
    v2012
};

enum class Effect : std::uint8_t { allow, deny };

/// A text of the document.
struct Located {
    std::string text;
    TextPosition at;
};

/// Action or NotAction, Resource or NotResource.
struct ElementList {
    bool negated = false;
    std::vector<Located> values;
    /// Of the element's name; of the statement when the element is absent.
    TextPosition at;
};

/// Under which name a principal stands.
enum class PrincipalKind : std::uint8_t { any, aws, service, federated, canonical_user };

struct PrincipalEntry {
    PrincipalKind kind = PrincipalKind::aws;
    Located value;
};

/// Principal or NotPrincipal.
struct PrincipalElement {
    bool negated = false;
    std::vector<PrincipalEntry> entries;
    TextPosition at;
};

/// One key under one operator.
struct ConditionEntry {
    ConditionOperator op;
    Located op_name;
    KeyRef key;
    TextPosition key_at;
    std::vector<Located> values;
};

struct StatementDocument {
    std::optional<Located> sid;
    Effect effect = Effect::deny;
    std::optional<PrincipalElement> principal;
    ElementList actions;
    /// Of a trust policy: nothing; the role is the resource.
    std::optional<ElementList> resources;
    /// All must hold.
    std::vector<ConditionEntry> conditions;
    TextPosition at;
};

struct PolicyDocument {
    DocumentKind kind = DocumentKind::identity;
    LanguageVersion version = LanguageVersion::v2008;
    /// Whether the document names its version, which it should.
    bool version_given = false;
    std::optional<Located> id;
    std::vector<StatementDocument> statements;
};

}  // namespace coffer::access
