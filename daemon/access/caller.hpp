#pragma once
// Who is calling, as a front door established it before any operation runs.

#include <string>

namespace coffer::access {

struct Caller {
    /// The principal's name, e.g. "spiffe://bank.example/app/payments" or "app-a".
    std::string principal;
    /// Name of the listener that the request came through.
    std::string listener;
    /// The peer's address without port, as text.
    std::string source_address;
};

}  // namespace coffer::access
