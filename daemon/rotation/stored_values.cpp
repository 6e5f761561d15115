#include "daemon/rotation/stored_values.hpp"

#include "daemon/secrets/labels.hpp"
#include "daemon/secrets/payloads.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::rotation {

using crypto::SecretBytes;
using storage::SecretRepository;
using storage::StoredPayload;
using storage::StoredSecret;
using storage::StoredVersion;

namespace {

template <class T>
T read(const RotationParts& parts, Deadline deadline, UniqueFunction<T(storage::ReadTransaction&)> job) {
    return wait_for<T>([&](Completion<T> done) {
        parts.database.read<T>({Priority::rotation, deadline}, std::move(job), std::move(done));
    });
}

std::optional<StoredSecret> find_secret(const RotationParts& parts, const std::string& name,
                                        Deadline deadline) {
    using Found = std::optional<StoredSecret>;
    return read<Found>(parts, deadline, [name](storage::ReadTransaction& tx) -> Found {
        return SecretRepository::find(tx, name);
    });
}

}  // namespace

void RotationWrites::run(Job job, secrets::ServiceAction action, Deadline deadline) const {
    using Event = std::optional<secrets::ChangeEvent>;
    UniqueFunction<Event(storage::WriteTransaction&)> whole =
        [job = std::move(job), action = std::move(action),
         trail = parts_.trail](storage::WriteTransaction& tx) -> Event {
        job(tx);
        if (trail == nullptr || action.name.empty()) return std::nullopt;
        return trail->store_action(action, tx);
    };
    auto event = wait_for<Event>([&](Completion<Event> done) {
        parts_.database.write<Event>({Priority::rotation, deadline}, std::move(whole), std::move(done));
    });
    if (event) parts_.trail->action_committed(std::move(*event));
}

StoredSecret load_secret(const RotationParts& parts, const storage::RotationTask& task, Deadline deadline) {
    auto secret = find_secret(parts, task.name, deadline);
    if (!secret || secret->id != task.secret) throw RotationLost("the secret is gone");
    return std::move(*secret);
}

StoredSecret lock_secret(storage::WriteTransaction& tx, const storage::RotationTask& task) {
    auto secret = SecretRepository::lock(tx, task.name);
    if (!secret || secret->id != task.secret) throw RotationLost("the secret is gone");
    return std::move(*secret);
}

std::optional<SecretBytes> StoredValues::open(const StoredSecret& secret, const StoredVersion& version) {
    using Payload = std::optional<StoredPayload>;
    if (!version.kind) return std::nullopt;
    const auto payload = read<Payload>(
        parts_, deadline_, [id = secret.id, version = version.id](storage::ReadTransaction& tx) -> Payload {
            return SecretRepository::payload(tx, id, version);
        });
    if (!payload) return std::nullopt;
    crypto::PayloadIdentity identity{secret.arn, version.id.value(), secrets::to_payload_kind(*version.kind)};
    return wait_for<SecretBytes>([&](Completion<SecretBytes> done) {
        parts_.hsm.envelope().open(std::move(identity), secrets::to_sealed(*payload),
                                   {Priority::rotation, deadline_}, std::move(done));
    });
}

std::optional<SecretBytes> StoredValues::labelled(const std::string& name, std::string_view label) {
    const auto secret = find_secret(parts_, name, deadline_);
    if (!secret || secret->deleted) return std::nullopt;
    const auto* version = secrets::holder_of(secret->versions, label);
    if (version == nullptr) return std::nullopt;
    return open(*secret, *version);
}

SecretBytes StoredValues::current() {
    auto value = labelled(task_.name, secrets::kCurrent);
    if (!value) throw RotationLost("the secret has no AWSCURRENT value any more");
    return std::move(*value);
}

std::optional<SecretBytes> StoredValues::pending() {
    const auto secret = load_secret(parts_, task_, deadline_);
    const auto* version = secrets::find_version(secret.versions, *task_.version);
    if (version == nullptr) throw RotationLost("the version that the rotation makes is gone");
    return open(secret, *version);
}

std::optional<SecretBytes> StoredValues::previous() {
    return labelled(task_.name, secrets::kPrevious);
}

bool StoredValues::new_is_current() {
    const auto secret = load_secret(parts_, task_, deadline_);
    const auto* version = secrets::find_version(secret.versions, *task_.version);
    return version != nullptr && secrets::has_label(*version, secrets::kCurrent);
}

std::optional<SecretBytes> StoredValues::current_of(const std::string& name) {
    return labelled(name, secrets::kCurrent);
}

SecretBytes StoredValues::random(std::size_t size) {
    return wait_for<SecretBytes>([&](Completion<SecretBytes> done) {
        parts_.hsm.random(size, {Priority::rotation, deadline_}, std::move(done));
    });
}

void StoredValues::put_pending(SecretBytes value) {
    const auto secret = load_secret(parts_, task_, deadline_);
    const auto* current = secrets::holder_of(secret.versions, secrets::kCurrent);
    const auto kind = current != nullptr && current->kind ? *current->kind : storage::ValueKind::string;
    crypto::PayloadIdentity identity{secret.arn, task_.version->value(), secrets::to_payload_kind(kind)};
    const auto key = parts_.master_keys.resolve(secret.kms_key_id);
    auto sealed = wait_for<crypto::SealedPayload>([&](Completion<crypto::SealedPayload> done) {
        parts_.hsm.envelope().seal(std::move(identity), std::move(value), key,
                                   {Priority::rotation, deadline_}, std::move(done));
    });
    const auto payload = secrets::to_stored(std::move(sealed));
    RotationWrites(parts_).run(
        [this, payload, kind, now = parts_.clock.now()](storage::WriteTransaction& tx) {
            auto locked = lock_secret(tx, task_);
            auto* version = secrets::find_version(locked.versions, *task_.version);
            if (version == nullptr || !secrets::has_label(*version, secrets::kPending)) {
                throw RotationLost("AWSPENDING was taken from the version that the rotation makes");
            }
            if (version->kind) return;  // a transaction whose outcome was not learned
            version->kind = kind;
            version->master_key = payload.master_key;
            locked.last_changed = now;
            SecretRepository::update(tx, std::move(locked), {{*task_.version, payload}});
        },
        {"RotationValueStored",
         "rotation worker",
         {secret.arn},
         {{"SecretId", secret.arn}, {"ClientRequestToken", task_.version->value()}}},
        deadline_);
}

}  // namespace coffer::rotation
