#pragma once
// The templates that SecretsService's operations are made of; for the .cpp files of this folder.

#include <optional>

#include "daemon/base/await.hpp"
#include "daemon/secrets/call_transactions.hpp"
#include "daemon/secrets/errors.hpp"
#include "daemon/secrets/request_record.hpp"
#include "daemon/secrets/rotation_schedule.hpp"
#include "daemon/secrets/service.hpp"

namespace coffer::secrets {

/// Refuses what AWS refuses on a secret that is scheduled for deletion.
inline void refuse_deleted(const storage::StoredSecret& secret) {
    if (secret.deleted) throw marked_for_deletion();
}

/// Throws when the secret's versions carry more labels than AWS's quota.
void require_label_quota(const storage::StoredSecret& secret);
/// The same, and removes versions that are not needed any more (labels.hpp, prune), but for those whose
/// values a target may have (RotationTask::left_behind, and what the rotation under way makes: its label may
/// have been taken away a moment ago); throws when too many are left.
void require_quotas(storage::WriteTransaction& tx, storage::StoredSecret& secret, Timestamp now);

template <class T>
boost::asio::awaitable<T> SecretsService::read(Call call, UniqueFunction<T(storage::ReadTransaction&)> job) {
    return read_for<T>(parts_.database, std::move(call), Priority::read, std::move(job));
}

template <class T>
boost::asio::awaitable<T> SecretsService::write(Call call,
                                                UniqueFunction<T(storage::WriteTransaction&)> job) {
    return write_for<T>(parts_.database, std::move(call), std::move(job));
}

/// Runs `edit` on the secret as it was seen, and stores what it changed. Nothing, and nothing stored, when it
/// is not so any more, or `edit` had an objection, or nothing to change: then the row itself must be asked.
template <class T, class Edit>
std::optional<T> edit_as_seen(storage::WriteTransaction& tx, const storage::StoredSecret& seen,
                              UniqueFunction<T(Edit&)>& edit, Timestamp now) {
    auto secret = seen;
    Edit change_of_secret{tx, secret, {}, true};
    std::optional<T> result;
    try {
        result.emplace(edit(change_of_secret));
    } catch (const ServiceError&) {
        return std::nullopt;
    }
    if (!change_of_secret.changed) return std::nullopt;
    const auto schedule = after_change(current_version(seen), secret, now);
    if (!storage::SecretRepository::update_as_seen(tx, seen, std::move(secret), change_of_secret.payloads)) {
        return std::nullopt;
    }
    store_schedule(tx, schedule);
    return result;
}

template <class T>
boost::asio::awaitable<T> SecretsService::change(Call call, SecretPtr seen, UniqueFunction<T(Edit&)> edit,
                                                 Haste haste) {
    UniqueFunction<T(storage::WriteTransaction&)> job =
        [call, seen, edit = std::move(edit), haste,
         now = parts_.clock.now()](storage::WriteTransaction& tx) mutable -> T {
        call->record->answers(seen->arn, seen->name);
        if (haste == Haste::as_seen) {
            if (auto result = edit_as_seen<T, Edit>(tx, *seen, edit, now)) return std::move(*result);
        }
        auto locked = storage::SecretRepository::lock(tx, seen->name, seen.get());
        if (!locked) throw secret_not_found();
        if (locked->id != seen->id) {
            throw ServiceError(v1::INTERNAL_SERVICE_ERROR,
                               "The secret was deleted and created again while the request ran. Try again.",
                               true);
        }
        const auto current = current_version(*locked);
        Edit change_of_secret{tx, *locked, {}, true};
        T result = edit(change_of_secret);
        if (change_of_secret.changed) {
            const auto schedule = after_change(current, *locked, now);
            storage::SecretRepository::update(tx, std::move(*locked), change_of_secret.payloads);
            store_schedule(tx, schedule);
        }
        return result;
    };
    co_return co_await write<T>(call, std::move(job));
}

}  // namespace coffer::secrets
