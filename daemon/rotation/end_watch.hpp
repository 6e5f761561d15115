#pragma once
// Ends the waits of what cannot look itself whether anybody waits for it.

#include <chrono>
#include <functional>
#include <stop_token>
#include <thread>

#include "daemon/rotation/patience.hpp"

namespace coffer::rotation {

/// While it lives, and when `patience` has ended before its deadline: calls `cut` on a thread of its own,
/// with the time since then, again and again until that says that it is done. Nothing runs for a patience
/// that has a deadline alone.
class EndWatch {
public:
    using Cut = std::function<bool(std::chrono::milliseconds since)>;
    EndWatch(Patience patience, Cut cut);

private:
    static void watch(const std::stop_token& stop, Patience patience, const Cut& cut);

    std::jthread watcher_;
};

}  // namespace coffer::rotation
