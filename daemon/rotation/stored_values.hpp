#pragma once
// The values of a secret under rotation, from the database and the token.

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "crypto/hsm.hpp"
#include "daemon/rotation/function.hpp"
#include "daemon/secrets/audit_trail.hpp"
#include "daemon/secrets/master_keys.hpp"
#include "daemon/secrets/service_writes.hpp"
#include "storage/database.hpp"

namespace coffer::rotation {

/// What rotations work with; all must outlive them.
struct RotationParts {
    crypto::Hsm& hsm;
    storage::Database& database;
    const secrets::MasterKeys& master_keys;
    const Clock& clock;
    /// Null: no events are written.
    secrets::AuditTrail* trail = nullptr;
    std::string node;
    /// Told once, when a value that nobody can get a second time waits for the database or the token.
    std::function<void(const std::string& secret, const std::string& reason)> holds_value{};
};

/// Runs `job` in a transaction, waits for it, and journals the event that it stored, if any.
class RotationWrites {
public:
    explicit RotationWrites(const RotationParts& parts) : parts_(parts) {}

    using Job = secrets::ServiceWrites::Job;
    /// `action`, where it has a name, is the event of what `job` did. Throws what the database and `job`
    /// throw.
    void run(Job job, secrets::ServiceAction action, Deadline deadline) const;

private:
    const RotationParts& parts_;
};

/// What a try of a rotation has seen so far, so that it does not read and open the same for each step again.
/// Used by one thread. What is read from here decides nothing: the transaction of each step looks at the rows
/// themselves.
class Sight {
public:
    /// The secret as the try's last transaction has left it; null before one has.
    [[nodiscard]] const storage::StoredSecret* secret() const noexcept {
        return secret_ ? &*secret_ : nullptr;
    }
    void remember(storage::StoredSecret secret) { secret_ = std::move(secret); }
    /// A value that was opened, in locked memory. Values of versions never change. Null when it was not. Of
    /// which secret, since their ids are the callers' ClientRequestTokens: two secrets may have the same.
    [[nodiscard]] const crypto::SecretBytes* value(storage::SecretId secret,
                                                   const storage::VersionId& version) const;
    void remember(storage::SecretId secret, storage::VersionId version, const crypto::SecretBytes& value);

    /// Whether this try has made the value of the new version: the target cannot have it from another one.
    bool made_value = false;

private:
    std::optional<storage::StoredSecret> secret_;
    struct Opened {
        storage::SecretId secret;
        storage::VersionId version;
        crypto::SecretBytes value;
    };
    std::vector<Opened> values_;
};

class StoredValues final : public SecretValues {
public:
    /// `task` has a version. `stops` tells that the node stops; null for what is only looked at, as is
    /// `sight`. All must outlive it.
    StoredValues(const RotationParts& parts, const storage::RotationTask& task, Deadline deadline,
                 const std::atomic<bool>* stops = nullptr, Sight* sight = nullptr)
        : parts_(parts), task_(task), deadline_(deadline), stops_(stops), sight_(sight) {}

    [[nodiscard]] crypto::SecretBytes current() override;
    [[nodiscard]] std::optional<crypto::SecretBytes> pending() override;
    [[nodiscard]] std::optional<crypto::SecretBytes> previous() override;
    [[nodiscard]] std::vector<crypto::SecretBytes> left_behind() override;
    void put_pending(crypto::SecretBytes value) override;
    [[nodiscard]] bool new_is_current() override;
    [[nodiscard]] std::optional<crypto::SecretBytes> current_of(const std::string& name) override;
    [[nodiscard]] crypto::SecretBytes random(std::size_t size) override;
    void begin_exchange() override;
    void undo_exchange() override;
    [[nodiscard]] std::string mark_of(const Bytes& what) override;
    [[nodiscard]] bool is_mark_of(const std::string& mark, const Bytes& what) override;
    void put_exchanged(crypto::SecretBytes value) override;

private:
    /// What a mark over `what` is a seal of.
    [[nodiscard]] Bytes mark_message(const Bytes& what);
    /// The database and the token get some seconds also where the target has used up the step's time.
    [[nodiscard]] Deadline patience() const;
    /// Of a new value of `secret`.
    [[nodiscard]] static storage::ValueKind kind_for(const storage::StoredSecret& secret);
    [[nodiscard]] storage::StoredPayload sealed(const storage::StoredSecret& secret,
                                                const storage::VersionId& version,
                                                const crypto::SecretBytes& value, Deadline deadline);
    [[nodiscard]] secrets::ServiceAction stored_action(const storage::StoredSecret& secret) const;
    /// put_pending(), sealed under the master key that `secret` has. False, and nothing stored, when it has
    /// another one by now.
    [[nodiscard]] bool store_under_key_of(const storage::StoredSecret& secret,
                                          const crypto::SecretBytes& value, Deadline deadline);

    // ---- put_exchanged()
    /// Stores `value` in version `into`, whatever became of that and of the rotation; in a new one, which is
    /// `into` then, where that has another value. Throws StepFailed and RotationLost, both after it is
    /// stored, where the rotation cannot go on with it; RotationLost also when the secret is gone.
    void keep(storage::VersionId& into, const crypto::SecretBytes& value, Deadline deadline);
    /// The same for a version that has no value; the secret as it is afterwards. Nothing, and nothing stored,
    /// when that has one by now, or the secret another master key.
    [[nodiscard]] std::optional<storage::StoredSecret> keep_in(const storage::VersionId& into,
                                                               const storage::StoredSecret& secret,
                                                               const crypto::SecretBytes& value,
                                                               Deadline deadline);
    [[nodiscard]] bool is_value_of(const storage::StoredSecret& secret, const storage::StoredVersion& version,
                                   const crypto::SecretBytes& value, Deadline deadline);
    /// Whether `version` is what the rotation makes, and that is under way.
    [[nodiscard]] bool is_of_this_rotation(const storage::StoredSecret& secret,
                                           const storage::VersionId& version) const;
    /// For people: no rotation will use that version.
    void note_unused(storage::WriteTransaction& tx, const storage::VersionId& version,
                     const std::string& message, Timestamp now) const;

    void note_spent(std::optional<storage::VersionId> spent, secrets::ServiceAction action);
    [[nodiscard]] std::optional<crypto::SecretBytes> labelled(const std::string& secret,
                                                              std::string_view label);
    /// The secret as the try has seen it, where the version that is made has a value by then or not as
    /// `has_value` says; otherwise as the database has it.
    [[nodiscard]] storage::StoredSecret seen(bool has_value, Deadline deadline) const;
    [[nodiscard]] std::optional<crypto::SecretBytes> open(const storage::StoredSecret& secret,
                                                          const storage::StoredVersion& version);

    const RotationParts& parts_;
    const storage::RotationTask& task_;
    const Deadline deadline_;
    const std::atomic<bool>* const stops_;
    Sight* const sight_;
    /// The version whose value current() gave last.
    std::optional<storage::VersionId> given_;
};

/// The secret as the database has it now, its seal checked. Throws RotationLost when it is gone, or another
/// one has its name.
[[nodiscard]] storage::StoredSecret load_secret(const RotationParts& parts, const storage::RotationTask& task,
                                                Deadline deadline);
/// The same, locked until the end of the transaction. The seal of `known` was checked before: as long as the
/// secret has not changed, it is not checked again.
[[nodiscard]] storage::StoredSecret lock_secret(storage::WriteTransaction& tx,
                                                const storage::RotationTask& task,
                                                const storage::StoredSecret* known = nullptr);

}  // namespace coffer::rotation
