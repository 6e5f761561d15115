#include "daemon/secrets/named_secret.hpp"

#include <optional>
#include <utility>

#include "daemon/secrets/call_transactions.hpp"
#include "daemon/secrets/errors.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::secrets {

boost::asio::awaitable<std::shared_ptr<const storage::StoredSecret>> require_named_secret(
    NamedSecretParts parts, Call call, std::string secret_id, access::Action action, Facts facts) {
    using Found = std::optional<storage::StoredSecret>;
    const auto ref = SecretRef::parse(secret_id, parts.node);
    UniqueFunction<Found(storage::ReadTransaction&)> job = [name = ref.name()](storage::ReadTransaction& tx) {
        return storage::SecretRepository::find(tx, name);
    };
    auto found = co_await read_for<Found>(parts.database, call, Priority::write, std::move(job));
    if (found && !ref.matches(found->arn)) found.reset();
    Target target{found ? found->arn : arn_without_suffix(parts.node, ref.name()), ref.text(),
                  found ? &*found : nullptr};
    if (found) target.shown = found->arn;
    if (found) call->record->concerns(found->arn);
    parts.authorization.require(*call, action, target, facts);
    if (!found) throw secret_not_found();
    co_return std::make_shared<const storage::StoredSecret>(std::move(*found));
}

}  // namespace coffer::secrets
