#pragma once
// JSON with AWS's member names into messages, by reflection.

#include <google/protobuf/message.h>

#include <boost/json/value.hpp>
#include <string_view>

#include "client/coffer/json_text.hpp"
#include "client/coffer/schema.hpp"

namespace coffer::cli {

/// How strictly scalars are taken.
enum class Scalars : bool {
    as_json,   ///< a number is a number, a string a string
    as_texts,  ///< from shorthand, where all is text: "30" will do for a number, one value for a list of one
};

/// Sets what `object` has in `message`. Binary members are base64 texts. Throws UsageError that names the
/// member by its path, beginning with `path` ("--tags[0].Key"), and what it should be.
void fill_message(google::protobuf::Message& message, const boost::json::value& object, std::string_view path,
                  Scalars scalars);

/// The same for `object`, a value of `text`. A policy document that is an object there becomes text.dense()
/// of it, so that a place in the document can be found again in the text.
void fill_message(google::protobuf::Message& message, const JsonText& text, const boost::json::value& object,
                  std::string_view path);

/// Sets one field (adds to it, when it is repeated and `value` is no array).
void fill_field(google::protobuf::Message& message, const FieldDescriptor& field,
                const boost::json::value& value, std::string_view path, Scalars scalars);

/// The value of JSON text, read as strictly as JsonText reads it; `what` is named in errors ("--tags").
[[nodiscard]] boost::json::value parse_json(std::string_view text, std::string_view what);

}  // namespace coffer::cli
