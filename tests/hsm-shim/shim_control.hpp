#pragma once
// How a test steers the shim: the rules that hold, the events that happen, the counters.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coffer::shim {

/// The control file and the counters of one shim. Rules are written whole and renamed into place, so the
/// shim never reads half of them. Not thread-safe.
class ShimControl {
public:
    /// Keeps its files in `directory`, which must exist; starts without rules. `real_module`: what the shim
    /// forwards to.
    ShimControl(std::filesystem::path directory, std::filesystem::path real_module);

    /// The shim's own library, to be loaded instead of the real one.
    [[nodiscard]] static std::filesystem::path module();

    /// What a process needs in its environment before it loads the shim.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> environment() const;
    /// Sets it in this process. The shim looks at its first call and never again, so a process can use one
    /// shim with one real module.
    void set_environment() const;

    /// From now on these rules hold, and no others; nothing: the shim only forwards. Counters of `once`,
    /// `times` and `every` start again. Throws RulesError, naming the line.
    void set(std::string_view rules);

    /// The device is switched off and on, beside the rules that hold. `how`: "", "down 200ms",
    /// "down 1s CKR_TOKEN_NOT_PRESENT", "until-initialize". Happens at the next call.
    void power_cycle(std::string_view how = "");
    /// The token forgets that somebody is logged in; sessions live. Happens at the next call.
    void forget_login();

    /// The counters: calls of each function by name, and the gauges of stats.hpp.
    [[nodiscard]] std::map<std::string, std::uint64_t> stats() const;
    [[nodiscard]] std::uint64_t calls(const std::string& name) const { return stats().at(name); }

private:
    [[nodiscard]] std::filesystem::path control_file() const { return directory_ / "shim.control"; }
    [[nodiscard]] std::filesystem::path stats_file() const { return directory_ / "shim.stats"; }
    void write();

    std::filesystem::path directory_;
    std::filesystem::path real_module_;
    std::string rules_;
    std::string power_cycle_;
    std::string forget_login_;
    std::uint64_t events_ = 0;
};

}  // namespace coffer::shim
