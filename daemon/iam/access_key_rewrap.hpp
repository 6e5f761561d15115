#pragma once
// The wrapped data keys of access keys' secrets: which there are under a master key, and storing them wrapped
// anew. They lie in users' documents, so that a change goes through the documents' own way, under the
// manifest.

#include <string>
#include <vector>

#include "daemon/iam/directory_keeper.hpp"

namespace coffer::iam {

/// An access key's encrypted secret, and whose it is.
struct StoredAccessKeySecret {
    std::string user;     ///< name
    std::string user_id;  ///< unique id
    std::string user_arn;
    std::string access_key_id;
    storage::StoredPayload secret;
};

/// Those of all users that are believed; with `master_key`, under that one alone.
[[nodiscard]] std::vector<StoredAccessKeySecret> access_key_secrets(const Directory& directory,
                                                                    const Uuid* master_key = nullptr);

/// A data key that was wrapped anew. The old one has to be there still when it is stored.
struct RewrappedAccessKey {
    std::string user;
    std::string access_key_id;
    Bytes old_wrapped_key;
    Bytes wrapped_key;
    std::uint32_t generation = 0;
};

/// Stores them, on what the database has now; what was changed meanwhile is passed over. Returns the
/// directory as it is then, for DirectoryKeeper::publish() after the commit; null when nothing was stored.
/// Throws as DirectoryKeeper::lock() does.
[[nodiscard]] DirectoryPtr store_rewrapped(storage::WriteTransaction& tx, const DirectoryKeeper& keeper,
                                           const std::vector<RewrappedAccessKey>& keys);

}  // namespace coffer::iam
