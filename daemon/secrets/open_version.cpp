#include "daemon/secrets/open_version.hpp"

#include <utility>

#include "daemon/secrets/payloads.hpp"
#include "storage/blocking.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::secrets {

std::optional<crypto::SecretBytes> open_version(crypto::Hsm& hsm, storage::Database& database,
                                                const storage::StoredSecret& secret,
                                                const storage::StoredVersion& version, JobOptions options) {
    if (!version.kind) return std::nullopt;
    const auto payload = storage::read_and_wait(database, options, [&](storage::ReadTransaction& tx) {
        return storage::SecretRepository::payload(tx, secret.id, version.id);
    });
    if (!payload) return std::nullopt;
    crypto::PayloadIdentity identity{secret.arn, version.id.value(), to_payload_kind(*version.kind)};
    return wait_for<crypto::SecretBytes>([&](Completion<crypto::SecretBytes> done) {
        hsm.envelope().open(std::move(identity), to_sealed(*payload), options, std::move(done));
    });
}

}  // namespace coffer::secrets
