#pragma once
// From AWS's query protocol, which STS speaks, to the protocol's messages: parameters of a form, with paths
// as names
// ("Tags.member.1.Key").

#include <google/protobuf/message.h>

#include <map>
#include <string>
#include <string_view>

#include "daemon/aws/sigv4_canonical.hpp"
#include "daemon/base/bytes.hpp"

namespace coffer::aws {

/// Each name is there once.
using FormParameters = std::map<std::string, std::string, std::less<>>;

/// Forms are read before it is known who sent them. The longest that STS has use for is a token of 20,000
/// characters with a session policy of 2,048 and ten ARNs of 2,048, percent-encoded.
inline constexpr std::size_t kFormBytesMax = 64U * 1024;

/// A body of the type application/x-www-form-urlencoded. Throws RequestRefused: MalformedQueryString,
/// ValidationException for more than kFormBytesMax and as parse_query, or as form_of.
[[nodiscard]] FormParameters parse_form(ByteView body);
/// A query that parse_query has taken apart. Throws RequestRefused (InvalidParameterValue) for a name that
/// comes twice: two readers could take different ones.
[[nodiscard]] FormParameters form_of(const QueryParameters& parameters);

/// Fills `message`, which is empty. Unknown parameters are ignored; of a list the members from 1 on count, up
/// to the first that is missing. Throws RequestRefused (ValidationException) for numbers and booleans that
/// are none. Limits are not checked: the pipeline does that.
void read_form(const FormParameters& parameters, google::protobuf::Message& message);

}  // namespace coffer::aws
