#pragma once
// What a measurement gives: a rate and two latencies, and how they are handed from the programs that measure
// to the one that reports.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace coffer::bench {

using Clock = std::chrono::steady_clock;

/// Latencies of one worker's operations. Not thread-safe: one for each worker, merged afterwards.
class Latencies {
public:
    Latencies() { microseconds_.reserve(kReserved); }
    void add(Clock::duration took) {
        microseconds_.push_back(std::chrono::duration<float, std::micro>(took).count());
    }
    void merge(const Latencies& other);
    [[nodiscard]] std::size_t count() const noexcept { return microseconds_.size(); }
    /// The latency that `fraction` (0 to 1) of the operations did not exceed; 0 when there are none.
    [[nodiscard]] double percentile_us(double fraction);

private:
    static constexpr std::size_t kReserved = 1U << 16U;
    std::vector<float> microseconds_;
};

/// One line of the result. `ratio` and `ratio_to` are filled in by the report.
struct Row {
    std::string name;  ///< e.g. "get_hot"; docs/benchmarks.md has them all
    std::string token;
    int in_flight = 0;
    double per_second = 0;
    double p50_us = 0;
    double p99_us = 0;
    /// Secrets stored when it was measured; 0 where it does not matter.
    std::int64_t secrets = 0;
};

[[nodiscard]] Row make_row(std::string name, int in_flight, Latencies latencies, Clock::duration took);

/// One JSON object on one line: what the programs print and the report reads.
void print_row(std::ostream& out, const Row& row);
[[nodiscard]] std::vector<Row> read_rows(std::istream& in);

}  // namespace coffer::bench
