#pragma once
// From JSON to a policy document. Source: "Grammar of the IAM JSON policy language" and the pages of its
// elements.

#include <cstddef>
#include <string_view>

#include "daemon/access/document.hpp"

namespace coffer::access {

struct ParseOptions {
    DocumentKind kind = DocumentKind::identity;
    /// Characters at most; 0 is the limit of the kind (limits.hpp). Resource and listener policies are
    /// measured whole, all others without the white space between tokens, as AWS does.
    std::size_t max_characters = 0;
};

/// Parses and checks a document. Throws MalformedPolicy with the place of the first mistake: JSON that is
/// not, size, unknown or repeated elements, values of the wrong type, versions, effects, operators, ARNs,
/// principals, dates, addresses that are not such, Sids that come twice. What is well formed and yet
/// questionable is for find_problems() (findings.hpp). Linear in the text but for Sids and repeated names,
/// which are few.
[[nodiscard]] PolicyDocument parse_policy(std::string_view text, const ParseOptions& options);

}  // namespace coffer::access
