#pragma once
// The secrets of access keys, made and encrypted by the token: envelope encryption, as of secret values.

#include "crypto/hsm.hpp"
#include "daemon/iam/access_key_secrets.hpp"

namespace coffer::sts {

/// Thread-safe.
class TokenAccessKeys final : public iam::AccessKeySecrets {
public:
    /// New secrets are encrypted under the newest generation of `master_key`. `hsm` must outlive it.
    TokenAccessKeys(crypto::Hsm& hsm, crypto::MasterKeyId master_key) : hsm_(hsm), master_key_(master_key) {}

    [[nodiscard]] iam::NewAccessKeySecret make(const std::string& user_id, const std::string& access_key_id,
                                               Deadline deadline) override;
    void open(const std::string& user_id, const std::string& access_key_id,
              const storage::StoredPayload& sealed, Deadline deadline,
              Completion<crypto::SecretBytes> completion) override;

private:
    crypto::Hsm& hsm_;
    const crypto::MasterKeyId master_key_;
};

}  // namespace coffer::sts
