#pragma once
// What a front door knows of a request besides its message.

#include <memory>
#include <string>

#include "daemon/access/caller.hpp"
#include "daemon/base/time.hpp"

namespace coffer::secrets {

struct CallContext {
    access::Caller caller;
    /// When the caller stops waiting.
    Deadline deadline;
    /// The daemon's name for the request, a UUID.
    std::string request_id;
    std::string trace_id;
};

/// Shared by the coroutines of one request.
using Call = std::shared_ptr<const CallContext>;

}  // namespace coffer::secrets
