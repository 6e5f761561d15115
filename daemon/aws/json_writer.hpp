#pragma once
// From the protocol's messages to the JSON that AWS clients read (AWS JSON 1.1).

#include <google/protobuf/message.h>

#include <string_view>

#include "daemon/base/bytes.hpp"

namespace coffer::aws {

/// Appends `message` as one JSON object to `out`: members without a value are left out, lists that AWS shows
/// also when they are empty excepted; blobs are base64; times are epoch seconds with a fraction. Map keys are
/// sorted.
///
/// What is written may hold secret values, so `out` is to be wiped.
void write_json(const google::protobuf::Message& message, Bytes& out);

/// Appends `text`, which is UTF-8, as a JSON string.
void write_json_string(std::string_view text, Bytes& out);

}  // namespace coffer::aws
