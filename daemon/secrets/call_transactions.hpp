#pragma once
// The transactions of a request, for the operations of all services.

#include <boost/asio/awaitable.hpp>
#include <utility>

#include "daemon/base/await.hpp"
#include "daemon/secrets/call_context.hpp"
#include "daemon/secrets/request_record.hpp"
#include "storage/database.hpp"

namespace coffer::secrets {

/// Runs `job` and resumes with what it returns. `database` must outlive it.
template <class T>
boost::asio::awaitable<T> read_for(storage::Database& database, Call call, Priority priority,
                                   UniqueFunction<T(storage::ReadTransaction&)> job) {
    const JobOptions options{priority, call->deadline};
    auto start = [&database, options, job = std::move(job)](Completion<T> done) mutable {
        database.read<T>(options, std::move(job), std::move(done));
    };
    co_return co_await await_completion<T>(std::move(start));
}

/// The same for a change, with the request's event in its transaction.
template <class T>
boost::asio::awaitable<T> write_for(storage::Database& database, Call call,
                                    UniqueFunction<T(storage::WriteTransaction&)> job) {
    UniqueFunction<T(storage::WriteTransaction&)> recorded =
        [call, job = std::move(job)](storage::WriteTransaction& tx) mutable {
            T result = job(tx);
            store_change(*call, tx);
            return result;
        };
    const JobOptions options{Priority::write, call->deadline};
    auto start = [&database, options, job = std::move(recorded)](Completion<T> done) mutable {
        database.write<T>(options, std::move(job), std::move(done));
    };
    auto result = co_await await_completion<T>(std::move(start));
    call->record->committed = true;
    co_return result;
}

}  // namespace coffer::secrets
