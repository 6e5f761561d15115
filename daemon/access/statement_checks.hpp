#pragma once
// What the single values of a statement must look like; a part of the parser. Each function throws
// MalformedPolicy with the value's place.

#include "daemon/access/document.hpp"

namespace coffer::access {

/// Whether statements of this kind of document name principals.
[[nodiscard]] bool takes_principal(DocumentKind kind) noexcept;

/// "*" or "service:Name", wildcards in the name only.
void check_action(const Located& value);

/// "*" or an ARN of six parts, variables in the last only.
void check_resource(const Located& value, LanguageVersion version);

/// Everybody, an account, or one principal; no part of a name may be a wildcard.
void check_principal(const PrincipalEntry& entry);

/// "prefix:name".
void check_condition_key(const Located& key);

/// What the operator can compare with.
void check_condition_value(const ConditionEntry& entry, const Located& value, LanguageVersion version);

}  // namespace coffer::access
