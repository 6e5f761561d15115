#pragma once
// The templates that KeyService's operations are made of; for the .cpp files of this folder.

#include "daemon/keys/service.hpp"
#include "daemon/secrets/request_record.hpp"
#include "storage/blocking.hpp"

namespace coffer::keys {

/// Says in the answer why a generation stays.
inline void keep_generation(v1::RetireKeyGenerationsResponse& response, std::uint32_t generation,
                            const std::string& reason) {
    auto& kept = *response.add_kept();
    kept.set_generation(generation);
    kept.set_reason(reason);
}

/// When the backup was made that a request names as proven. Throws ServiceError for one that lies in the
/// future.
[[nodiscard]] std::optional<Timestamp> proven_backup(const v1::RetireKeyGenerationsRequest& request,
                                                     Timestamp now);
/// Why a backup of that time does not allow a generation to go that was in use until `ended`; empty when it
/// does.
[[nodiscard]] std::string backup_obstacle(const std::optional<Timestamp>& proven, Timestamp ended,
                                          const std::string& ended_what);

template <class T>
T KeyService::read(Context call, UniqueFunction<T(storage::ReadTransaction&)> job) const {
    return storage::read_and_wait(parts_.database, {Priority::rotation, call.deadline}, std::move(job));
}

template <class T>
T KeyService::write(Context call, UniqueFunction<T(storage::WriteTransaction&)> job) {
    UniqueFunction<T(storage::WriteTransaction&)> recorded =
        [&call, job = std::move(job)](storage::WriteTransaction& tx) mutable {
            T result = job(tx);
            secrets::store_change(call, tx);
            return result;
        };
    T result =
        storage::write_and_wait(parts_.database, {Priority::write, call.deadline}, std::move(recorded));
    call.record->committed = true;
    return result;
}

}  // namespace coffer::keys
