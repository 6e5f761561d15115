#pragma once
// Work that is tried again and again, and whose failure is told when it is another one than before.

#include <exception>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace coffer::keys {

/// Not thread-safe.
class ToldFailures {
public:
    using Tell = std::function<void(const std::string& what, const std::string& reason)>;
    explicit ToldFailures(Tell tell) : tell_(std::move(tell)) {}

    /// Runs `work`. What it throws goes no further: it is told, unless `what` failed for the same reason the
    /// last time. A backend that is away is said by its own observer, and not at each round again here.
    template <class Work>
    void guard(const std::string& what, const Work& work) {
        try {
            work();
            last_.erase(what);
        } catch (const std::exception& error) {
            auto& last = last_[what];
            if (last != error.what()) tell_(what, error.what());
            last = error.what();
        }
    }

private:
    const Tell tell_;
    std::map<std::string, std::string> last_;  ///< the reason, by what failed
};

}  // namespace coffer::keys
