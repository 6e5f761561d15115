#pragma once
// The secret that a request names, as the database has it now: for operations that do not go by the cache.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "daemon/secrets/authorization.hpp"
#include "daemon/secrets/call_context.hpp"
#include "daemon/secrets/secret_ref.hpp"
#include "storage/database.hpp"
#include "storage/records.hpp"

namespace coffer::secrets {

/// Where secrets are named and who may do what to them. All must outlive the coroutine.
struct NamedSecretParts {
    storage::Database& database;
    const NodeIdentity& node;
    const Authorization& authorization;
};

/// Throws AccessDenied before it says whether there is such a secret, then ServiceError when there is none.
/// One that is scheduled for deletion is found.
boost::asio::awaitable<std::shared_ptr<const storage::StoredSecret>> require_named_secret(
    NamedSecretParts parts, Call call, std::string secret_id, access::Action action, Facts facts);

}  // namespace coffer::secrets
