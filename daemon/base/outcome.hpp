#pragma once
// What an asynchronous call ends with: a value or an exception. Completions are called exactly once, on a
// thread of the executor that ran the job, and must not throw or block.

#include <exception>
#include <future>
#include <optional>
#include <utility>
#include <variant>

#include "daemon/base/unique_function.hpp"

namespace coffer {

/// Stands for "no value" where a call has nothing to return.
struct Done {};

template <class T>
class Outcome {
public:
    Outcome(T value)
        : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
    Outcome(std::exception_ptr error)                          // NOLINT(google-explicit-constructor)
        : state_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
    /// The error of an outcome that has no value.
    [[nodiscard]] std::exception_ptr error() const { return std::get<1>(state_); }
    /// The value, moved out, or the error, thrown.
    [[nodiscard]] T take() {
        if (!has_value()) std::rethrow_exception(std::get<1>(state_));
        return std::move(std::get<0>(state_));
    }

private:
    std::variant<T, std::exception_ptr> state_;
};

template <class T>
using Completion = UniqueFunction<void(Outcome<T>)>;

/// Runs `f` and makes an outcome of what it returns or throws.
template <class F, class T = std::invoke_result_t<F&>>
[[nodiscard]] Outcome<T> outcome_of(F&& f) {
    try {
        return Outcome<T>(f());
    } catch (...) {
        return Outcome<T>(std::current_exception());
    }
}

/// Calls `start(completion)` and blocks until the completion is called. For threads that may block (the
/// storage executor, command-line tools); never for an I/O thread.
template <class T, class Start>
[[nodiscard]] T wait_for(Start&& start) {
    std::promise<Outcome<T>> promise;
    auto future = promise.get_future();
    start(Completion<T>([&promise](Outcome<T> outcome) { promise.set_value(std::move(outcome)); }));
    return future.get().take();
}

}  // namespace coffer
