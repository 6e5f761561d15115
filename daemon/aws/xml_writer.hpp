#pragma once
// From the protocol's messages to the XML that AWS's query protocol answers with.

#include <google/protobuf/message.h>

#include <string_view>

#include "daemon/aws/answer.hpp"
#include "daemon/base/bytes.hpp"

namespace coffer::aws {

/// Appends <OPERATIONResponse><OPERATIONResult>...: the members of `result`, those without a value left out;
/// lists as <member>, times as "2026-11-29T04:00:00Z". May hold secret values, so `out` is to be wiped.
void write_xml_response(std::string_view operation, const google::protobuf::Message& result,
                        std::string_view request_id, Bytes& out);

/// Appends <ErrorResponse>: `Type` is Sender, or Receiver for a status of 500 or more.
void write_xml_error(const ErrorAnswer& error, std::string_view request_id, Bytes& out);

/// The same error as STS calls it: "InvalidClientTokenId" with 403 where JSON services say
/// "UnrecognizedClientException" with 400.
[[nodiscard]] ErrorAnswer query_error(ErrorAnswer error);

}  // namespace coffer::aws
