#pragma once
// The one place where typed exceptions become the protocol's errors.

#include <exception>
#include <string>

#include "coffer/v1/frame.pb.h"

namespace coffer::secrets {

struct MappedError {
    v1::Error error;
    /// What only operators may read: the inner reason of a failure that the caller is told in general
    /// words. Empty when the caller's message says it all.
    std::string internal;
    /// Stored data did not verify.
    bool integrity = false;
};

/// Never throws. Nothing of an exception that is not meant for callers gets into `error`.
[[nodiscard]] MappedError error_of(const std::exception_ptr& exception) noexcept;

}  // namespace coffer::secrets
