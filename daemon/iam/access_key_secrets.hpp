#pragma once
// Where the secrets of access keys come from: made and encrypted by the token, which this layer does not
// know. Implemented by daemon/sts/token_access_keys.hpp.

#include <string>

#include "crypto/secret_bytes.hpp"
#include "daemon/base/outcome.hpp"
#include "daemon/base/time.hpp"
#include "storage/records.hpp"

namespace coffer::iam {

/// A secret access key: what its owner is shown once, and what is stored.
struct NewAccessKeySecret {
    crypto::SecretBytes secret;
    storage::StoredPayload sealed;
};

/// Thread-safe.
class AccessKeySecrets {
public:
    virtual ~AccessKeySecrets() = default;

    /// 40 random characters of base 64's alphabet, encrypted for that key of the user with that unique id:
    /// under another key's or user's name they do not open. Blocks: for storage threads. Throws Unavailable
    /// (retryable), Overloaded, DeadlineExceeded.
    [[nodiscard]] virtual NewAccessKeySecret make(const std::string& user_id,
                                                  const std::string& access_key_id, Deadline deadline) = 0;

    /// The secret of `sealed`. The completion is called on a thread of the token. Fails as make() does, and
    /// with IntegrityError for what was altered or is another key's.
    virtual void open(const std::string& user_id, const std::string& access_key_id,
                      const storage::StoredPayload& sealed, Deadline deadline,
                      Completion<crypto::SecretBytes> completion) = 0;
};

}  // namespace coffer::iam
