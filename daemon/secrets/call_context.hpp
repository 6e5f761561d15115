#pragma once
// What a front door knows of a request besides its message.

#include <memory>
#include <string>

#include "daemon/access/caller.hpp"
#include "daemon/base/time.hpp"

namespace coffer::secrets {

struct RequestRecord;

struct CallContext {
    access::Caller caller;
    /// When the caller stops waiting.
    Deadline deadline;
    /// The daemon's name for the request, a UUID.
    std::string request_id;
    std::string trace_id;
    /// What is noted down for the request's audit event, as it goes. Made by the pipeline, before any
    /// operation runs; front doors leave it null.
    std::shared_ptr<RequestRecord> record{};
};

/// Shared by the coroutines of one request.
using Call = std::shared_ptr<const CallContext>;

}  // namespace coffer::secrets
