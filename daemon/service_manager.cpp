#include "daemon/service_manager.hpp"

#include <systemd/sd-daemon.h>
#include <time.h>

#include <cstdint>

namespace coffer::daemon {

namespace {

void notify(const std::string& state) {
    (void)sd_notify(0, state.c_str());
}

std::string extension(std::chrono::milliseconds within) {
    return "\nEXTEND_TIMEOUT_USEC=" + std::to_string(std::chrono::microseconds(within).count());
}

std::uint64_t monotonic_us() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000U +
           static_cast<std::uint64_t>(now.tv_nsec) / 1'000U;
}

}  // namespace

void ServiceManager::ready(const std::string& status) const {
    notify("READY=1\nSTATUS=" + status);
}
void ServiceManager::stopping(std::chrono::milliseconds within) const {
    notify("STOPPING=1\nSTATUS=draining" + extension(within));
}
void ServiceManager::reloading() const {
    notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_us()) +
           "\nSTATUS=reloading certificates");
}
void ServiceManager::starting(const std::string& step, std::chrono::milliseconds within) const {
    notify("STATUS=" + step + extension(within));
}
void ServiceManager::alive() const {
    notify("WATCHDOG=1");
}

std::optional<std::chrono::microseconds> ServiceManager::watchdog_interval() {
    std::uint64_t interval_us = 0;
    if (sd_watchdog_enabled(0, &interval_us) <= 0) return std::nullopt;
    return std::chrono::microseconds(interval_us / 2);
}

}  // namespace coffer::daemon
