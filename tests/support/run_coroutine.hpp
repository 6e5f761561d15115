#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <utility>

namespace coffer::test {

/// One thread for all coroutines of a program. Not a context for each of them: when a coroutine has ended,
/// the thread that completed its last call may still be within post(), which touches the context.
inline boost::asio::thread_pool& coroutine_thread() {
    static boost::asio::thread_pool thread(1);
    return thread;
}

/// Runs `coroutine` there and waits: its result, or what it throws. From any other thread.
template <class T>
T run_coroutine(boost::asio::awaitable<T> coroutine) {
    return boost::asio::co_spawn(coroutine_thread(), std::move(coroutine), boost::asio::use_future).get();
}

}  // namespace coffer::test
