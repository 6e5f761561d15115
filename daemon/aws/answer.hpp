#pragma once
// What is sent back, before it is HTTP: a status and, as JSON, what was asked for or an error.

#include <string>
#include <string_view>

#include "coffer/v1/frame.pb.h"
#include "daemon/aws/request_refused.hpp"
#include "daemon/base/bytes.hpp"

namespace coffer::aws {

/// An error as this front door words it, whichever form it is sent in.
struct ErrorAnswer {
    unsigned status = 400;
    std::string name;
    std::string message;
    /// Why, for logs and events alone: a static word, or empty.
    std::string_view cause{};
};

/// Statuses are AWS's: 400 for nearly all that is the caller's fault (IDPRejectedClaim is 403), 500 for
/// InternalServiceError; 503 for what may succeed later because a part of the service is away, which every
/// SDK tries again.
[[nodiscard]] ErrorAnswer error_answer(const v1::Error& error);
[[nodiscard]] ErrorAnswer error_answer(const RequestRefused& refused);

/// {"__type":"ResourceNotFoundException","Message":"..."}: `Message` for errors of the service's model,
/// `message` for those of the front end, as AWS has it. Appended to `out`.
void write_json_error(const ErrorAnswer& error, Bytes& out);

}  // namespace coffer::aws
