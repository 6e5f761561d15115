#pragma once
// Responses as the AWS CLI shows them: --output json, text and table. By reflection: a new field of the
// schema needs nothing here.

#include <google/protobuf/message.h>

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "client/coffer/secret_text.hpp"
#include "client/coffer/visible.hpp"

namespace coffer::cli {

/// The message as JSON with AWS's member names in the schema's order: absent members left out, times as
/// ISO 8601, binary values as base64, wrapped lists as lists. Memory of the result is wiped when freed.
[[nodiscard]] boost::json::value to_json(const google::protobuf::Message& message);

/// Four spaces of indentation, ": " and ",", characters beyond ASCII as they are, a line end last: what the
/// AWS CLI prints. An empty object is nothing at all, as there.
[[nodiscard]] SecretText pretty_json(const boost::json::value& value);

/// Tab-separated: scalars of an object on one line in the order of their names, then what is nested, each
/// line headed by the member's name in upper case. What the AWS CLI prints for --output text. For a terminal
/// control characters in it are made visible.
[[nodiscard]] SecretText tab_separated(const boost::json::value& value, Reader reader);

/// Boxes for people, `title` on top; control characters in it are made visible.
[[nodiscard]] SecretText boxes(std::string_view title, const boost::json::value& value);

/// `text` as a JSON string with its quotes.
void append_json_string(SecretText& out, std::string_view text);

/// RFC 4648 with padding.
[[nodiscard]] std::string base64(std::string_view bytes);

}  // namespace coffer::cli
