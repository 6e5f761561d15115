#include "tests/hsm-shim/shim_control.hpp"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "tests/hsm-shim/rules.hpp"
#include "tests/hsm-shim/stats.hpp"

namespace coffer::shim {

ShimControl::ShimControl(std::filesystem::path directory, std::filesystem::path real_module)
    : directory_(std::move(directory)),
      real_module_(std::move(real_module)),
      // Numbers that no earlier control of the same directory has used.
      events_(static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count())) {
    write();
}

std::filesystem::path ShimControl::module() {
    return COFFER_SHIM_LIBRARY;
}

std::vector<std::pair<std::string, std::string>> ShimControl::environment() const {
    return {{"COFFER_SHIM_MODULE", real_module_.string()},
            {"COFFER_SHIM_CONTROL", control_file().string()},
            {"COFFER_SHIM_STATS", stats_file().string()}};
}

void ShimControl::set_environment() const {
    for (const auto& [name, value] : environment()) ::setenv(name.c_str(), value.c_str(), 1);
}

void ShimControl::set(std::string_view rules) {
    static_cast<void>(Rules::parse(rules));  // a mistake is the test's, and is to be seen there
    rules_ = rules;
    write();
}

void ShimControl::power_cycle(std::string_view how) {
    power_cycle_ = "power-cycle " + std::to_string(++events_) + " " + std::string(how) + "\n";
    static_cast<void>(Rules::parse(power_cycle_));
    write();
}

void ShimControl::forget_login() {
    forget_login_ = "forget-login " + std::to_string(++events_) + "\n";
    write();
}

std::map<std::string, std::uint64_t> ShimControl::stats() const {
    return read_stats(stats_file());
}

void ShimControl::write() {
    const auto temporary = control_file().string() + ".new";
    std::ofstream out(temporary, std::ios::trunc);
    out << rules_ << '\n' << power_cycle_ << forget_login_;
    out.close();
    if (!out) throw std::runtime_error("cannot write " + temporary);
    std::filesystem::rename(temporary, control_file());
}

}  // namespace coffer::shim
