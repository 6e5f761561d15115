#pragma once
// Checks a message against the limits that its fields state as options (coffer/v1/options.proto), and words
// what is wrong as AWS does. One validator for every operation and every front door.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cstddef>
#include <optional>
#include <string>

namespace coffer::proto {

/// Nothing when `message` keeps every limit; otherwise AWS's text of a ValidationException, e.g.
/// "1 validation error detected: Value '0' at 'maxResults' failed to satisfy constraint: Member must have
/// value greater than or equal to 1". All violations are listed, joined by "; ", in the order of the
/// fields, at most 10 of them. Values of members that are marked `sensitive` or `unquoted` are left out; other
/// values are cut at 256 characters and control characters in them are shown as '?'.
///
/// Unknown fields are ignored, as AWS ignores unknown members. Text with a NUL is refused, since PostgreSQL
/// cannot store it: "... Member must not contain NUL characters".
[[nodiscard]] std::optional<std::string> validation_error(const google::protobuf::Message& message);

/// How many elements the repeated field may have: as its options say, otherwise kItemsMax.
[[nodiscard]] std::size_t most_items(const google::protobuf::FieldDescriptor& field);

/// So that what one request can make the daemon do and keep is bounded also where AWS states no limit of a
/// list.
inline constexpr std::size_t kItemsMax = 1'000;

}  // namespace coffer::proto
