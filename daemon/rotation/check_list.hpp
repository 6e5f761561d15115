#pragma once
// What a pre-flight of a rotation looks at, one thing after the other.

#include <string>
#include <utility>
#include <vector>

#include "daemon/rotation/function.hpp"

namespace coffer::rotation {

class CheckList {
public:
    /// Calls `what`: passed, with `good` as its message, or failed with that of the Error it throws.
    template <class Look>
    bool look(std::string name, std::string good, const Look& what) {
        try {
            what();
            checks_.push_back({std::move(name), Check::Outcome::passed, std::move(good)});
            return true;
        } catch (const Error& failed) {
            checks_.push_back({std::move(name), Check::Outcome::failed, failed.what()});
            return false;
        }
    }
    [[nodiscard]] std::vector<Check> take() { return std::exchange(checks_, {}); }

private:
    std::vector<Check> checks_;
};

}  // namespace coffer::rotation
