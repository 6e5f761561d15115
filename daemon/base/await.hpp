#pragma once
// From a completion to a coroutine: `co_await await_completion<T>(start)` calls `start(completion)` and
// resumes the coroutine, on its own executor, with the value or the exception. (Target coffer_async.)
//
// The coroutine's context outlives the threads that complete: one may still be within post(), which touches
// the context, when the coroutine has gone on to its end.

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

#include "daemon/base/outcome.hpp"

namespace coffer {

namespace detail {

template <class T, class Start>
auto initiate_completion(Start start) {
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>,
                                       void(std::exception_ptr, std::shared_ptr<T>)>(
        [start = std::move(start)](auto handler) mutable {
            auto executor = boost::asio::get_associated_executor(handler);
            // The handler is destroyed unresumed when the coroutine is, so `work` must not outlive it.
            auto work = boost::asio::prefer(executor, boost::asio::execution::outstanding_work.tracked);
            start(Completion<T>(
                [work = std::move(work), handler = std::move(handler)](Outcome<T> outcome) mutable {
                    // `work` goes along, to end on the context's own thread and not with whoever holds this
                    // completion.
                    const auto target =
                        boost::asio::prefer(work, boost::asio::execution::outstanding_work.untracked);
                    boost::asio::post(target, [work = std::move(work), handler = std::move(handler),
                                               outcome = std::move(outcome)]() mutable {
                        if (!outcome.has_value()) {
                            std::move(handler)(outcome.error(), nullptr);
                        } else {
                            std::move(handler)(std::exception_ptr{}, std::make_shared<T>(outcome.take()));
                        }
                    });
                }));
        },
        boost::asio::use_awaitable);
}

}  // namespace detail

/// `start` is called at once with a Completion<T>. It must not throw: errors go to the completion.
template <class T, class Start>
boost::asio::awaitable<T> await_completion(Start start) {
    // The value travels behind a pointer since Asio wants default-constructible results.
    std::shared_ptr<T> value = co_await detail::initiate_completion<T>(std::move(start));
    co_return std::move(*value);
}

}  // namespace coffer
