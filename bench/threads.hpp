#pragma once
// Measures calls that block: one thread for each call in flight.

#include <atomic>
#include <barrier>
#include <exception>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "figures.hpp"

namespace coffer::bench {

/// Calls `make_worker(i)` in each of `in_flight` threads, and the `step` that it returns for `duration`.
/// A step that throws ends the measurement; its exception is thrown here.
template <class MakeWorker>
Row measure_threads(const std::string& name, int in_flight, Clock::duration duration,
                    MakeWorker make_worker) {
    const auto count = static_cast<std::size_t>(in_flight);
    std::vector<Latencies> latencies(count);
    std::vector<std::exception_ptr> errors(count);
    std::atomic<bool> stop{false};
    std::barrier ready(in_flight + 1);
    std::vector<std::thread> threads;
    threads.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        threads.emplace_back([&, i] {
            bool arrived = false;
            try {
                auto step = make_worker(i);
                arrived = true;
                ready.arrive_and_wait();
                auto before = Clock::now();
                while (!stop.load(std::memory_order_relaxed)) {
                    step();
                    const auto after = Clock::now();
                    latencies[i].add(after - before);
                    before = after;
                }
            } catch (...) {
                errors[i] = std::current_exception();
                stop = true;
                if (!arrived) ready.arrive_and_drop();
            }
        });
    }
    ready.arrive_and_wait();
    const auto start = Clock::now();
    while (!stop && Clock::now() - start < duration)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    stop = true;
    const auto took = Clock::now() - start;
    for (auto& thread : threads) thread.join();
    for (const auto& error : errors) {
        if (error) std::rethrow_exception(error);
    }
    Latencies all;
    for (const auto& some : latencies) all.merge(some);
    return make_row(name, in_flight, std::move(all), took);
}

}  // namespace coffer::bench
