#pragma once
// Master keys as callers name them (KmsKeyId), and the proof at start that the token and the database
// belong together.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/hsm.hpp"
#include "daemon/base/time.hpp"
#include "daemon/secrets/service_action.hpp"
#include "storage/database.hpp"

namespace coffer::secrets {

/// Thread-safe.
class MasterKeys {
public:
    /// `default_name` is the NAME of alias/NAME that secrets without a KmsKeyId are under. Throws Error when
    /// the token has no such key.
    MasterKeys(crypto::Hsm& hsm, std::string default_name);

    /// The key that a KmsKeyId means: alias/NAME, a key id, or the ARN of either; nothing, "" and
    /// alias/aws/secretsmanager mean the default key. Throws ServiceError (InvalidParameterException) for
    /// names of no key.
    [[nodiscard]] crypto::MasterKeyId resolve(const std::optional<std::string>& kms_key_id) const;

    [[nodiscard]] crypto::MasterKeyId default_key() const noexcept { return default_key_; }

private:
    crypto::Hsm& hsm_;
    crypto::MasterKeyId default_key_;
};

/// Checks every master key of the database against the token by opening its check value, and registers the
/// token's keys that the database does not know yet. Blocks; for start-up.
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
