#include "daemon/secrets/service_support.hpp"

#include "daemon/secrets/labels.hpp"
#include "daemon/secrets/payloads.hpp"
#include "storage/rotation_repository.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::secrets {

using boost::asio::awaitable;

void require_label_quota(const storage::StoredSecret& secret) {
    if (count_labels(secret.versions) > kMaxLabels) {
        throw limit_exceeded("A secret can have at most " + std::to_string(kMaxLabels) +
                             " staging labels over all of its versions.");
    }
}

void require_quotas(storage::WriteTransaction& tx, storage::StoredSecret& secret, Timestamp now) {
    require_label_quota(secret);
    std::vector<storage::VersionId> kept;
    if (secret.rotation && secret.versions.size() > kMaxVersions) {
        kept = storage::RotationRepository::left_behind(tx, secret.id);
        if (secret.rotation->making) kept.push_back(*secret.rotation->making);
    }
    if (!prune(secret.versions, now, kept)) {
        throw limit_exceeded("A secret can have at most " + std::to_string(kMaxVersions) +
                             " versions that have a staging label or are younger than 24 hours.");
    }
}

awaitable<SecretsService::SecretPtr> SecretsService::find_secret(Call call, const SecretRef& ref,
                                                                 Wanted wanted) {
    auto secret = parts_.cache.peek(ref.name());
    if (!secret) {
        const JobOptions options{Priority::read, call->deadline};
        auto start = [this, name = ref.name(), options, wanted](Completion<SecretPtr> done) mutable {
            parts_.cache.find(std::move(name), options, std::move(done), wanted);
        };
        secret = co_await await_completion<SecretPtr>(std::move(start));
    }
    if (secret && !ref.matches(secret->arn)) secret = nullptr;
    co_return secret;
}

awaitable<SecretsService::SecretPtr> SecretsService::require_secret(Call call, SecretRef ref,
                                                                    access::Action action, Facts facts,
                                                                    Wanted wanted) {
    auto secret = co_await find_secret(call, ref, wanted);
    authorization_.require(*call, action, target_of(ref, secret.get()), facts);
    if (!secret) throw secret_not_found();
    co_return secret;
}

Target SecretsService::target_of(const SecretRef& ref, const storage::StoredSecret* secret) const {
    if (secret != nullptr) return {secret->arn, secret->arn, secret};
    return {arn_without_suffix(parts_.node, ref.name()), ref.text(), nullptr};
}

awaitable<crypto::SealedPayload> SecretsService::seal_value(Call call, crypto::PayloadIdentity identity,
                                                            crypto::SecretBytes value,
                                                            crypto::MasterKeyId key) {
    const JobOptions options{Priority::write, call->deadline};
    auto start = [this, options, identity = std::move(identity), value = std::move(value),
                  key](Completion<crypto::SealedPayload> done) mutable {
        parts_.hsm.envelope().seal(std::move(identity), std::move(value), key, options, std::move(done));
    };
    auto sealed = co_await await_completion<crypto::SealedPayload>(std::move(start));
    call->record->uses(sealed.master_key.id.value(), sealed.master_key.generation);
    co_return sealed;
}

awaitable<crypto::SecretBytes> SecretsService::open_payload(
    Call call, crypto::PayloadIdentity identity, std::shared_ptr<const crypto::SealedPayload> payload) {
    const JobOptions options{Priority::read, call->deadline};
    call->record->uses(payload->master_key.id.value(), payload->master_key.generation);
    auto start = [this, options, identity = std::move(identity),
                  payload = std::move(payload)](Completion<crypto::SecretBytes> done) mutable {
        parts_.hsm.envelope().open(std::move(identity), std::move(payload), options, std::move(done));
    };
    co_return co_await await_completion<crypto::SecretBytes>(std::move(start));
}

awaitable<crypto::SecretBytes> SecretsService::open_stored(Call call, SecretPtr secret,
                                                           storage::VersionId version,
                                                           crypto::PayloadIdentity identity,
                                                           PayloadPtr payload) {
    const crypto::MasterKeyRef ref{crypto::MasterKeyId(payload->master_key), payload->generation};
    if (parts_.hsm.key_changes().holds(ref)) {
        co_return co_await open_payload(call, std::move(identity), to_sealed(*payload));
    }
    parts_.cache.forget(secret->name);
    using Loaded = std::optional<storage::StoredPayload>;
    UniqueFunction<Loaded(storage::ReadTransaction&)> job = [&hsm = parts_.hsm, id = secret->id,
                                                             version](storage::ReadTransaction& tx) {
        auto loaded = storage::SecretRepository::payload(tx, id, version);
        if (!loaded) return loaded;
        const crypto::MasterKeyRef now{crypto::MasterKeyId(loaded->master_key), loaded->generation};
        if (!hsm.key_changes().holds(now)) hsm.key_changes().refresh_for_request(tx.deadline());
        return loaded;
    };
    const auto loaded = co_await read<Loaded>(call, std::move(job));
    if (!loaded) throw no_value_for_version(version.value());
    co_return co_await open_payload(call, std::move(identity), to_sealed(*loaded));
}

awaitable<void> SecretsService::require_same_value(Call call, std::string arn, std::string token,
                                                   ValueKindAndBytes value, storage::ValueKind existing_kind,
                                                   storage::StoredPayload existing) {
    crypto::PayloadIdentity identity{arn, token, to_payload_kind(existing_kind)};
    const auto stored = co_await open_payload(call, std::move(identity), to_sealed(existing));
    if (existing_kind != value.kind || !crypto::constant_time_equal(stored.view(), value.bytes.view())) {
        throw token_in_use(token, arn);
    }
}

void SecretsService::forget_data_keys(const std::vector<Bytes>& wrapped_keys) {
    for (const auto& wrapped_key : wrapped_keys) parts_.hsm.envelope().forget(wrapped_key);
}

}  // namespace coffer::secrets
