#pragma once
// Master keys as callers name them (KmsKeyId), and the proof at start that the token and the database
// belong together.

#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/hsm.hpp"
#include "daemon/base/time.hpp"
#include "daemon/secrets/secret_ref.hpp"
#include "daemon/secrets/service_action.hpp"
#include "storage/database.hpp"

namespace coffer::secrets {

/// "arn:aws:kms:REGION:ACCOUNT:key/ID".
[[nodiscard]] std::string master_key_arn(const NodeIdentity& node, const Uuid& key);

/// What is kept and shown of a KmsKeyId: nothing of "" and of the AWS managed key, alias/aws/secretsmanager,
/// which means the default one (AWS API reference, DescribeSecret, KmsKeyId).
[[nodiscard]] std::optional<std::string> named_master_key(const std::optional<std::string>& kms_key_id);

/// Thread-safe.
class MasterKeys {
public:
    /// `default_name` is the NAME of alias/NAME that secrets without a KmsKeyId are under. Throws Error when
    /// the token has no such key.
    MasterKeys(crypto::Hsm& hsm, std::string default_name);

    /// The key that a KmsKeyId means: alias/NAME, a key id, or the ARN of either; nothing, "" and
    /// alias/aws/secretsmanager mean the default key. Throws ServiceError: ResourceNotFoundException for
    /// names of no key, InvalidRequestException for a key that is pending deletion.
    [[nodiscard]] crypto::MasterKeyId resolve(const std::optional<std::string>& kms_key_id) const;

    /// The same for what a secret has stored, and its caller did not name: EncryptionFailure where there is
    /// no such key any more, so that nobody takes it for a secret that is not there.
    [[nodiscard]] crypto::MasterKeyId resolve_stored(const std::optional<std::string>& kms_key_id) const;

    /// The same for a key that nothing is to be encrypted under: one that is pending deletion is as good.
    [[nodiscard]] crypto::MasterKeyId find(const std::optional<std::string>& kms_key_id) const;

    [[nodiscard]] crypto::MasterKeyId default_key() const noexcept { return default_key_; }

    /// From now on nothing can be encrypted under these keys.
    void set_pending_deletion(std::set<Uuid> keys);

private:
    /// Nothing for names of no key.
    [[nodiscard]] std::optional<crypto::MasterKeyId> look_up(
        const std::optional<std::string>& kms_key_id) const;
    [[nodiscard]] crypto::MasterKeyId unless_pending_deletion(crypto::MasterKeyId key) const;

    crypto::Hsm& hsm_;
    crypto::MasterKeyId default_key_;
    mutable std::shared_mutex mutex_;
    std::set<Uuid> pending_deletion_;
};

/// The record of a generation that the token holds, with its check value: opens only with the very same key.
/// The generation is the newest of its key. Blocks.
[[nodiscard]] storage::StoredMasterKey make_master_key_record(crypto::Hsm& hsm,
                                                              const crypto::MasterKeyInfo& key, Timestamp now,
                                                              JobOptions options);

/// Checks every master key of the database against the token by opening its check value, and registers the
/// token's keys that the database does not know yet, unless they are being destroyed. Blocks; for start-up.
///
/// Returns a line for each generation that the token does not have (secrets under it cannot be read until
/// it is back). `leave_event` may be empty. Throws Error when a key of the token is not the one the database
/// knows under that id, when the token has none of the database's keys, or when the seals are another
/// token's.
[[nodiscard]] std::vector<std::string> verify_and_register_master_keys(crypto::Hsm& hsm,
                                                                       storage::Database& database,
                                                                       const Clock& clock,
                                                                       const LeaveEvent& leave_event,
                                                                       Deadline deadline);

}  // namespace coffer::secrets
