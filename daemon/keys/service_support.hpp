#pragma once
// The templates that KeyService's operations are made of; for the .cpp files of this folder.

#include "daemon/keys/service.hpp"
#include "daemon/secrets/request_record.hpp"

namespace coffer::keys {

template <class T>
T KeyService::read(Context call, UniqueFunction<T(storage::ReadTransaction&)> job) const {
    return wait_for<T>([&](Completion<T> done) {
        parts_.database.read<T>({Priority::rotation, call.deadline}, std::move(job), std::move(done));
    });
}

template <class T>
T KeyService::write(Context call, UniqueFunction<T(storage::WriteTransaction&)> job) {
    UniqueFunction<T(storage::WriteTransaction&)> recorded =
        [&call, job = std::move(job)](storage::WriteTransaction& tx) mutable {
            T result = job(tx);
            secrets::store_change(call, tx);
            return result;
        };
    T result = wait_for<T>([&](Completion<T> done) {
        parts_.database.write<T>({Priority::write, call.deadline}, std::move(recorded), std::move(done));
    });
    call.record->committed = true;
    return result;
}

}  // namespace coffer::keys
