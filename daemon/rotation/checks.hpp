#pragma once
// What a function looks at before a rotation.

#include <string>
#include <utility>
#include <vector>

#include "daemon/rotation/function.hpp"

namespace coffer::rotation {

/// Collects the checks of one function. Used by one thread.
class Checks {
public:
    /// Does `what`: it passed when that throws nothing. Whether it passed.
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
    [[nodiscard]] std::vector<Check> take() { return std::move(checks_); }

private:
    std::vector<Check> checks_;
};

}  // namespace coffer::rotation
