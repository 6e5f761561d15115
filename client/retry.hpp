#pragma once
// Whether and when a failed call is tried again. Pure: no clock, no I/O. (Not installed.)

#include <chrono>
#include <cstdint>
#include <exception>

#include "client/config.hpp"
#include "coffer/v1/frame.pb.h"

namespace coffer::client {

/// Whether repeating the request after it may have been carried out ends as if it was sent once
/// (docs/protocol.md, "Retrying"). Writes of values need their client_request_token for that.
[[nodiscard]] bool is_repeatable(const v1::Request& request);

enum class Verdict : std::uint8_t {
    give_up,          ///< the error is the caller's
    try_again,        ///< after backoff_ceiling() at most
    outcome_unknown,  ///< repeating could do harm or report a false error: the caller must look
};

/// What to do after `failure` of a request.
[[nodiscard]] Verdict judge(const std::exception_ptr& failure, bool repeatable);

/// The longest wait before the `repetition`-th repetition (from 1): min(backoff_max, backoff_base * 2^n). The
/// wait itself is random between 0 and this ("full jitter"), so that clients do not come back in step.
[[nodiscard]] std::chrono::milliseconds backoff_ceiling(const Config& config, unsigned repetition);

}  // namespace coffer::client
