#pragma once
// From the JSON that AWS clients send to the protocol's messages (AWS JSON 1.1): by reflection, with the
// member names that the schema states as json_name.

#include <google/protobuf/message.h>

#include "daemon/base/bytes.hpp"

namespace coffer::aws {

/// Fills `message`, which is empty, from a body that is one JSON object; an empty body counts as {}. As at
/// AWS: unknown members are ignored, null is absent, blobs are base64. Numbers must be whole where the schema
/// has an integer.
///
/// Throws RequestRefused: SerializationException for what is not JSON (RFC 8259, in UTF-8, at most 32 levels
/// deep), for an object with a member that comes twice, of which two readers could take different ones, and
/// for values of another type than the member's; the message names the member and never its value.
/// ValidationException for an empty list where there must be elements, and for values of filters with
/// characters that AWS's model has not (the protocol takes all). Other limits are not checked: the pipeline
/// does that.
void read_json(ByteView body, google::protobuf::Message& message);

}  // namespace coffer::aws
