#pragma once
// Who the users and roles are that policies name.

#include <memory>

#include "daemon/access/bound_principals.hpp"
#include "storage/transaction.hpp"

namespace coffer::secrets {

/// Thread-safe; what it gives is for one thread.
class PrincipalDirectory {
public:
    virtual ~PrincipalDirectory() = default;
    /// As this node has them.
    [[nodiscard]] virtual std::unique_ptr<const access::PrincipalNames> names() const = 0;
    /// As the database has them now, also where another node changed them a moment ago; as this node has them
    /// where the database is not believed.
    [[nodiscard]] virtual std::unique_ptr<const access::PrincipalNames> names(
        storage::ReadTransaction& tx) const = 0;
};

}  // namespace coffer::secrets
