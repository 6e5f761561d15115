#pragma once
// Jobs of the database for threads that may wait for them.

#include <type_traits>
#include <utility>

#include "daemon/base/outcome.hpp"
#include "storage/database.hpp"

namespace coffer::storage {

/// Has `job`, which takes a ReadTransaction, run, and waits for what it returns. Throws what Database::read
/// answers with.
template <class Job>
std::invoke_result_t<Job&, ReadTransaction&> read_and_wait(Database& database, JobOptions options, Job job) {
    using Result = std::invoke_result_t<Job&, ReadTransaction&>;
    return wait_for<Result>(
        [&](Completion<Result> done) { database.read<Result>(options, std::move(job), std::move(done)); });
}

/// The same for one that takes a WriteTransaction, and may return nothing.
template <class Job>
std::invoke_result_t<Job&, WriteTransaction&> write_and_wait(Database& database, JobOptions options,
                                                             Job job) {
    using Result = std::invoke_result_t<Job&, WriteTransaction&>;
    if constexpr (std::is_void_v<Result>) {
        static_cast<void>(write_and_wait(database, options, [&job](WriteTransaction& tx) {
            job(tx);
            return Done{};
        }));
    } else {
        return wait_for<Result>([&](Completion<Result> done) {
            database.write<Result>(options, std::move(job), std::move(done));
        });
    }
}

}  // namespace coffer::storage
