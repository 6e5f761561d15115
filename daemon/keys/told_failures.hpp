#pragma once
// Work that is tried again and again, and whose failure is told when it is another one than before.

#include <algorithm>
#include <exception>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "daemon/base/errors.hpp"

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
            if (last.reason != error.what()) tell_(what, error.what());
            last = {error.what(), passes(error)};
        }
    }

    /// Whether the last try of anything failed for want of a backend, which passes by itself.
    [[nodiscard]] bool waits_for_a_backend() const {
        return std::ranges::any_of(last_, [](const auto& each) { return each.second.passes; });
    }

private:
    struct Last {
        std::string reason;
        bool passes = false;
    };
    static bool passes(const std::exception& error) {
        return dynamic_cast<const Unavailable*>(&error) != nullptr ||
               dynamic_cast<const Overloaded*>(&error) != nullptr ||
               dynamic_cast<const DeadlineExceeded*>(&error) != nullptr;
    }

    const Tell tell_;
    std::map<std::string, Last> last_;  ///< by what failed
};

}  // namespace coffer::keys
