#include "daemon/rotation/stored_values.hpp"

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/audit/digest.hpp"
#include "daemon/rotation/abandonment.hpp"
#include "daemon/rotation/runner_writes.hpp"
#include "daemon/rotation/task_changes.hpp"
#include "daemon/secrets/labels.hpp"
#include "daemon/secrets/open_version.hpp"
#include "daemon/secrets/payloads.hpp"
#include "daemon/secrets/rotation_schedule.hpp"
#include "storage/blocking.hpp"
#include "storage/rotation_repository.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::rotation {

using crypto::SecretBytes;
using storage::SecretRepository;
using storage::StoredSecret;
using storage::StoredVersion;
using storage::VersionId;

namespace {

/// For a value that nobody can get a second time: of one try to store it, between two, and when the node
/// stops.
constexpr std::chrono::seconds kStorePatience{10};
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{2'000};
constexpr std::chrono::seconds kLastPatience{20};
constexpr std::chrono::seconds kLeastPatience{5};

/// The secret got another master key than the one that its new value was sealed under.
class KeyReplaced : public Error {
public:
    KeyReplaced() : Error("the secret has another master key by now") {}
};

/// The version that is to have a value has one.
class VersionTaken : public Error {
public:
    VersionTaken() : Error("the version has a value by now") {}
};

std::optional<StoredSecret> find_secret(const RotationParts& parts, const std::string& name,
                                        Deadline deadline) {
    return storage::read_and_wait(
        parts.database, {Priority::rotation, deadline},
        [&name](storage::ReadTransaction& tx) { return SecretRepository::find(tx, name); });
}

}  // namespace

void RotationWrites::run(Job job, secrets::ServiceAction action, Deadline deadline) const {
    secrets::ServiceWrites(parts_.database, parts_.trail)
        .run(std::move(job), std::move(action), {Priority::rotation, deadline});
}

StoredSecret load_secret(const RotationParts& parts, const storage::RotationTask& task, Deadline deadline) {
    auto secret = find_secret(parts, task.name, deadline);
    if (!secret || secret->id != task.secret) throw RotationLost("the secret is gone");
    return std::move(*secret);
}

StoredSecret lock_secret(storage::WriteTransaction& tx, const storage::RotationTask& task,
                         const StoredSecret* known) {
    auto secret = SecretRepository::lock(tx, task.name, known);
    if (!secret || secret->id != task.secret) throw RotationLost("the secret is gone");
    return std::move(*secret);
}

const SecretBytes* Sight::value(storage::SecretId secret, const VersionId& version) const {
    const auto found = std::ranges::find_if(
        values_, [&](const Opened& each) { return each.secret == secret && each.version == version; });
    return found == values_.end() ? nullptr : &found->value;
}

void Sight::remember(storage::SecretId secret, VersionId version, const SecretBytes& value) {
    values_.push_back({secret, std::move(version), value.clone()});
}

StoredSecret StoredValues::seen(bool has_value, Deadline deadline) const {
    const auto* secret = sight_ == nullptr ? nullptr : sight_->secret();
    const auto* made = secret == nullptr ? nullptr : secrets::find_version(secret->versions, *task_.version);
    if (made != nullptr && made->kind.has_value() == has_value) return *secret;
    return load_secret(parts_, task_, deadline);
}

Deadline StoredValues::patience() const {
    return std::max(deadline_, std::chrono::steady_clock::now() + kLeastPatience);
}

std::optional<SecretBytes> StoredValues::open(const StoredSecret& secret, const StoredVersion& version) {
    if (const auto* known = sight_ == nullptr ? nullptr : sight_->value(secret.id, version.id)) {
        return known->clone();
    }
    auto value =
        secrets::open_version(parts_.hsm, parts_.database, secret, version, {Priority::rotation, patience()});
    if (value && sight_ != nullptr) sight_->remember(secret.id, version.id, *value);
    return value;
}

std::optional<SecretBytes> StoredValues::labelled(const std::string& name, std::string_view label) {
    const auto secret = find_secret(parts_, name, patience());
    if (!secret || secret->deleted) return std::nullopt;
    const auto* version = secrets::holder_of(secret->versions, label);
    if (version == nullptr) return std::nullopt;
    return open(*secret, *version);
}

SecretBytes StoredValues::current() {
    // Once there is a value for the target, what is AWSCURRENT is looked at anew.
    const auto secret = seen(false, patience());
    const auto* version = secrets::holder_of(secret.versions, secrets::kCurrent);
    if (task_.version && secret.rotation && secret.rotation->making == task_.version &&
        secrets::is_superseded(secret)) {
        throw Superseded();
    }
    auto value = version == nullptr || secret.deleted ? std::nullopt : open(secret, *version);
    if (!value) throw RotationLost("the secret has no AWSCURRENT value any more");
    given_ = version->id;
    return std::move(*value);
}

std::optional<SecretBytes> StoredValues::pending() {
    // Others may give the version its value, and nobody takes it away or changes it.
    const auto secret = seen(true, patience());
    const auto* version = secrets::find_version(secret.versions, *task_.version);
    if (version == nullptr) throw RotationLost("the version that the rotation makes is gone");
    return open(secret, *version);
}

std::optional<SecretBytes> StoredValues::previous() {
    return labelled(task_.name, secrets::kPrevious);
}

std::vector<SecretBytes> StoredValues::left_behind() {
    const auto secret = load_secret(parts_, task_, patience());
    auto task = task_;
    task.left_behind = storage::read_and_wait(parts_.database, {Priority::rotation, patience()},
                                              [id = task_.secret](storage::ReadTransaction& tx) {
                                                  return storage::RotationRepository::left_behind(tx, id);
                                              });
    std::vector<SecretBytes> values;
    for (const auto& id : left_behind_of(secret, task)) {
        const auto* version = secrets::find_version(secret.versions, id);
        if (secrets::has_label(*version, secrets::kPrevious)) continue;
        if (auto value = open(secret, *version)) values.push_back(std::move(*value));
    }
    return values;
}

bool StoredValues::new_is_current() {
    const auto secret = load_secret(parts_, task_, patience());
    const auto* version = secrets::find_version(secret.versions, *task_.version);
    return version != nullptr && secrets::has_label(*version, secrets::kCurrent);
}

std::optional<SecretBytes> StoredValues::current_of(const std::string& name) {
    return labelled(name, secrets::kCurrent);
}

SecretBytes StoredValues::random(std::size_t size) {
    return wait_for<SecretBytes>([&](Completion<SecretBytes> done) {
        parts_.hsm.random(size, {Priority::rotation, patience()}, std::move(done));
    });
}

void StoredValues::put_pending(SecretBytes value) {
    const auto deadline = patience();
    // What was seen may be as old as createSecret is long, and UpdateSecret replaces the key of the values
    // that are there.
    auto secret = seen(false, deadline);
    while (!store_under_key_of(secret, value, deadline)) secret = load_secret(parts_, task_, deadline);
}

storage::ValueKind StoredValues::kind_for(const StoredSecret& secret) {
    const auto* current = secrets::holder_of(secret.versions, secrets::kCurrent);
    return current != nullptr && current->kind ? *current->kind : storage::ValueKind::string;
}

storage::StoredPayload StoredValues::sealed(const StoredSecret& secret, const VersionId& version,
                                            const SecretBytes& value, Deadline deadline) {
    crypto::PayloadIdentity identity{secret.arn, version.value(), secrets::to_payload_kind(kind_for(secret))};
    const auto key = parts_.master_keys.resolve(secret.kms_key_id);
    return secrets::to_stored(wait_for<crypto::SealedPayload>([&](Completion<crypto::SealedPayload> done) {
        parts_.hsm.envelope().seal(std::move(identity), value.clone(), key, {Priority::rotation, deadline},
                                   std::move(done));
    }));
}

secrets::ServiceAction StoredValues::stored_action(const StoredSecret& secret) const {
    return {"RotationValueStored",
            "rotation worker",
            {secret.arn},
            {{"SecretId", secret.arn}, {"ClientRequestToken", task_.version->value()}}};
}

bool StoredValues::store_under_key_of(const StoredSecret& secret, const SecretBytes& value,
                                      Deadline deadline) try {
    const auto payload = sealed(secret, *task_.version, value, deadline);
    StoredSecret after;
    bool made = false;
    RotationWrites(parts_).run(
        [&, this, now = parts_.clock.now()](storage::WriteTransaction& tx) {
            made = false;
            auto locked = lock_secret(tx, task_, &secret);
            auto* version = secrets::find_version(locked.versions, *task_.version);
            if (version == nullptr || !secrets::has_label(*version, secrets::kPending)) {
                throw RotationLost("AWSPENDING was taken from the version that the rotation makes");
            }
            if (version->kind) return;  // a transaction whose outcome was not learned
            if (locked.kms_key_id != secret.kms_key_id) throw KeyReplaced();
            version->kind = kind_for(secret);
            version->master_key = payload.master_key;
            locked.last_changed = now;
            SecretRepository::update(tx, std::move(locked), {{*task_.version, payload}});
            after = *tx.locked(task_.secret);
            made = true;
        },
        stored_action(secret), deadline);
    if (sight_ != nullptr && made) {
        sight_->made_value = true;
        sight_->remember(std::move(after));
    }
    return true;
} catch (const KeyReplaced&) {
    return false;
}

// ---- values that are got in exchange --------------------------------------------------------------------

void StoredValues::note_spent(std::optional<VersionId> spent, secrets::ServiceAction action) {
    auto noted = task_;
    noted.spent = std::move(spent);
    RotationWrites(parts_).run(
        [&noted](storage::WriteTransaction& tx) {
            if (!storage::RotationRepository::save_spent(tx, noted)) {
                throw RotationLost("another node has taken it over");
            }
        },
        std::move(action), patience());
}

void StoredValues::begin_exchange() {
    const auto secret = load_secret(parts_, task_, patience());
    auto current = secrets::current_version(secret);
    if (!current) throw RotationLost("the secret has no AWSCURRENT value any more");
    // The value that is about to be sent is the one of before, and what is noted would be another.
    if (given_ && given_ != current) throw Superseded();
    if (task_.spent == current) {
        throw StepFailed(
            StepFailed::Kind::unknown,
            "the value of AWSCURRENT (version " + current->value() +
                ") was sent to be exchanged before, and what became of that is not known: it is not sent a "
                "second time by itself. Look at the target. If it works no more, put a new one with 'coffer "
                "put'; then, or if it was not used, 'coffer rotation retry' goes on");
    }
    const secrets::ServiceAction action{"RotationExchangeStarted",
                                        "rotation worker",
                                        {secret.arn},
                                        {{"SecretId", secret.arn},
                                         {"VersionId", current->value()},
                                         {"ClientRequestToken", task_.version->value()}}};
    note_spent(std::move(current), action);
}

void StoredValues::undo_exchange() {
    note_spent(std::nullopt, {});
}

bool StoredValues::is_value_of(const StoredSecret& secret, const StoredVersion& version,
                               const SecretBytes& value, Deadline deadline) {
    try {
        const auto there = secrets::open_version(parts_.hsm, parts_.database, secret, version,
                                                 {Priority::rotation, deadline});
        return there && crypto::constant_time_equal(there->view(), value.view());
    } catch (const IntegrityError&) {
        return false;
    }
}

std::optional<StoredSecret> StoredValues::keep_in(const VersionId& into, const StoredSecret& secret,
                                                  const SecretBytes& value, Deadline deadline) try {
    const auto payload = sealed(secret, into, value, deadline);
    const auto message = handed_out(secret, into);
    auto action = stored_action(secret);
    if (into != *task_.version) action.details["VersionId"] = into.value();
    StoredSecret after;
    RotationWrites(parts_).run(
        [&, this, now = parts_.clock.now()](storage::WriteTransaction& tx) {
            auto locked = lock_secret(tx, task_, &secret);
            if (locked.kms_key_id != secret.kms_key_id) throw KeyReplaced();
            auto* version = secrets::find_version(locked.versions, into);
            if (version != nullptr && version->kind) throw VersionTaken();
            if (version == nullptr) {
                version = &locked.versions.emplace_back(
                    StoredVersion{into, now, std::nullopt, std::nullopt, {}, std::nullopt});
            }
            version->kind = kind_for(secret);
            version->master_key = payload.master_key;
            // More versions than there may be are better than one that is lost.
            static_cast<void>(secrets::prune(locked.versions, now, task_.left_behind));
            locked.last_changed = now;
            const bool in_use = is_of_this_rotation(locked, into);
            SecretRepository::update(tx, std::move(locked), {{into, payload}});
            if (!in_use) note_unused(tx, into, message, now);
            after = *tx.locked(task_.secret);
        },
        std::move(action), deadline);
    if (sight_ != nullptr && is_of_this_rotation(after, into)) {
        sight_->made_value = true;
        sight_->remember(after);
    }
    return after;
} catch (const KeyReplaced&) {
    return std::nullopt;
} catch (const VersionTaken&) {
    return std::nullopt;
}

bool StoredValues::is_of_this_rotation(const StoredSecret& secret, const VersionId& version) const {
    return secret.rotation && secret.rotation->making == task_.version && version == *task_.version;
}

void StoredValues::note_unused(storage::WriteTransaction& tx, const VersionId& version,
                               const std::string& message, Timestamp now) const {
    using storage::RotationRepository;
    auto run = run_of(task_, "Abandoned", now);
    run.version = version;
    run.message = message;
    RotationRepository::add_run(tx, task_.secret, run);
    auto row = RotationRepository::find(tx, task_.secret);
    // Of one that is under way the history alone says it, besides what becomes of this try.
    if (!row || row->version || row->node) return;
    row->failed = true;
    row->last_error = message;
    static_cast<void>(RotationRepository::save(tx, *row, true));
}

void StoredValues::keep(VersionId& into, const SecretBytes& value, Deadline deadline) {
    auto secret = load_secret(parts_, task_, deadline);
    while (true) {
        const auto* version = secrets::find_version(secret.versions, into);
        if (version != nullptr && version->kind) {
            // Ours, where the outcome of a transaction was not learned. Otherwise somebody put another value
            // with the rotation's ClientRequestToken.
            if (is_value_of(secret, *version, value, deadline)) break;
            into = new_token();
        } else if (auto after = keep_in(into, secret, value, deadline)) {
            secret = std::move(*after);
            break;
        } else {
            secret = load_secret(parts_, task_, deadline);
        }
    }
    if (into != *task_.version) {
        throw StepFailed(StepFailed::Kind::unknown,
                         "somebody stored another value as version " + task_.version->value() +
                             ", which the rotation makes. " + handed_out(secret, into));
    }
    if (!is_of_this_rotation(secret, into)) {
        throw RotationLost("the rotation was ended by hand. " + handed_out(secret, into));
    }
}

void StoredValues::put_exchanged(SecretBytes value) {
    auto into = *task_.version;
    auto pause = kFirstPause;
    std::optional<Deadline> last;
    bool told = false;
    while (true) {
        std::string reason;
        try {
            keep(into, value, std::chrono::steady_clock::now() + kStorePatience);
            return;
        } catch (const RotationLost&) {
            throw;  // it is stored, or the secret is gone
        } catch (const StepFailed&) {
            throw;  // it is stored
        } catch (const Error& error) {
            // Damage as well is waited for, until the row is put back or the secret discarded.
            reason = error.what();
        }
        if (!std::exchange(told, true) && parts_.holds_value) parts_.holds_value(task_.name, reason);
        const auto now = std::chrono::steady_clock::now();
        if (stops_ != nullptr && *stops_ && !last) last = now + kLastPatience;
        if (last && now >= *last) {
            throw StepFailed(
                StepFailed::Kind::unknown,
                "a new value was got and could not be stored before the node stopped: " + reason);
        }
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, kLongestPause);
    }
}

Bytes StoredValues::mark_message(const Bytes& what) {
    const auto secret = load_secret(parts_, task_, patience());
    return CanonicalEncoder("coffer/rotation/mark/v1").text(secret.arn).bytes(what).take();
}

std::string StoredValues::mark_of(const Bytes& what) {
    return to_hex(parts_.hsm.seals().make(mark_message(what), {Priority::rotation, patience()}));
}

bool StoredValues::is_mark_of(const std::string& mark, const Bytes& what) {
    const auto seal = audit::strict_from_hex(mark);
    if (!seal) return false;
    return parts_.hsm.seals().check(mark_message(what), *seal, {Priority::rotation, patience()});
}

}  // namespace coffer::rotation
