#pragma once
// The first administrator.

#include <optional>
#include <string>

#include "daemon/base/time.hpp"
#include "daemon/iam/records.hpp"
#include "daemon/iam/seen_manifest.hpp"
#include "daemon/secrets/service_action.hpp"
#include "storage/database.hpp"

namespace coffer::iam {

/// Makes the user `name` with the certificate identity and AdministratorAccess. Blocks. Throws Error when
/// there are principals already (unless `recover`: then when there is a user of that name), when the name or
/// the identity is not valid, or another principal has the identity; IntegrityError when what the database
/// has cannot be believed, or is older than what this node has `seen`: a change would make it news to all
/// nodes. `leave_event` may be empty. Returns the user's ARN.
[[nodiscard]] std::string bootstrap(storage::Database& database, const std::string& account,
                                    const std::string& name, const Identity& identity, bool recover,
                                    Timestamp now, const std::optional<SeenManifest>& seen,
                                    const secrets::LeaveEvent& leave_event, Deadline deadline);

/// The identity that a command line means: a SPIFFE ID, or KIND:VALUE ("dns:app-a.bank.example",
/// "subject:CN=ops,O=Bank"). Throws Error.
[[nodiscard]] Identity parse_identity(const std::string& text);

}  // namespace coffer::iam
