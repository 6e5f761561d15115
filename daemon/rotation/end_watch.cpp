#include "daemon/rotation/end_watch.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace coffer::rotation {

using std::chrono::steady_clock;

EndWatch::EndWatch(Patience patience, Cut cut) {
    if (!patience.may_end()) return;
    watcher_ = std::jthread(
        [patience, cut = std::move(cut)](const std::stop_token& stop) { watch(stop, patience, cut); });
}

void EndWatch::watch(const std::stop_token& stop, Patience patience, const Cut& cut) {
    std::mutex mutex;
    std::condition_variable_any wake;  // by `stop` alone
    std::unique_lock lock(mutex);
    std::optional<steady_clock::time_point> ended;
    while (!stop.stop_requested()) {
        if (patience.has_ended()) {
            const auto now = steady_clock::now();
            if (!ended) ended = now;
            if (cut(std::chrono::duration_cast<std::chrono::milliseconds>(now - *ended))) return;
        }
        wake.wait_for(lock, stop, Patience::kBetweenLooks, [] { return false; });
    }
}

}  // namespace coffer::rotation
