#pragma once
// The counters of a shim, in a file that other processes read while it runs.
//
// The file is an array of 64-byte records in the machine's byte order: a name of up to 55 characters, filled
// up with zero bytes to 56, and a 64-bit count. It is mapped, so what it says is never older than the last
// call, even after the process was killed.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace coffer::shim {

/// What is counted besides the calls of each function.
enum class Gauge : std::uint8_t {
    sessions_open,      ///< sessions that are open now
    sessions_peak,      ///< most that were ever open at once
    failures_injected,  ///< calls answered by a fail rule
    power_cycles,
    logins_forgotten,
};
inline constexpr std::size_t kGaugeCount = 5;

/// Writes the counters. Thread-safe. Without a file they are counted in vain.
class Stats {
public:
    /// Makes `file` anew; empty: no file. Throws std::system_error.
    explicit Stats(const std::filesystem::path& file);
    ~Stats();
    Stats(const Stats&) = delete;
    Stats& operator=(const Stats&) = delete;

    void count_call(std::size_t function) noexcept;
    void add(Gauge gauge) noexcept;
    void set_sessions(std::uint64_t open) noexcept;

private:
    [[nodiscard]] std::atomic_ref<std::uint64_t> value(std::size_t record) noexcept;
    void* memory_ = nullptr;  // owned mapping
};

/// The counters of a file, by name ("C_Decrypt", "sessions_open"). Throws std::runtime_error when there is no
/// such file: the shim was not loaded yet.
[[nodiscard]] std::map<std::string, std::uint64_t> read_stats(const std::filesystem::path& file);

}  // namespace coffer::shim
