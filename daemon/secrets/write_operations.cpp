// CreateSecret, PutSecretValue, UpdateSecret, UpdateSecretVersionStage: what makes versions and moves labels.

#include <algorithm>

#include "daemon/base/uuid.hpp"
#include "daemon/secrets/labels.hpp"
#include "daemon/secrets/payloads.hpp"
#include "daemon/secrets/responses.hpp"
#include "daemon/secrets/service_support.hpp"
#include "daemon/secrets/tags.hpp"

namespace coffer::secrets {

using boost::asio::awaitable;
using storage::SecretRepository;
using storage::StagingLabel;
using storage::StoredPayload;
using storage::StoredSecret;
using storage::StoredVersion;
using storage::VersionId;

namespace {

/// A version id that CreateSecret found taken, with the value to compare.
struct CreateOutcome {
    bool created = false;
    std::optional<StoredSecret> existing;
    std::optional<StoredPayload> existing_payload;
};

std::optional<std::string> non_empty(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
}

template <class Request>
VersionId require_token(const Request& request) {
    if (!request.has_client_request_token()) throw token_missing();
    return VersionId(request.client_request_token());
}

CreateOutcome create_or_find(storage::WriteTransaction& tx, const StoredSecret& secret,
                             const std::vector<std::pair<VersionId, StoredPayload>>& payloads,
                             const VersionId& token) {
    if (SecretRepository::insert(tx, secret, payloads)) return {true, std::nullopt, std::nullopt};
    CreateOutcome outcome;
    outcome.existing = SecretRepository::find(tx, secret.name);
    if (!outcome.existing) {
        // Taken a moment ago and purged since: the caller's next try will find the name free.
        throw ServiceError(v1::INTERNAL_SERVICE_ERROR,
                           "The name was being freed while the request ran. Try again.", true);
    }
    outcome.existing_payload = SecretRepository::payload(tx, outcome.existing->id, token);
    return outcome;
}

v1::CreateSecretResponse created_response(const StoredSecret& secret, const VersionId& version,
                                          bool has_value) {
    auto response = answer_naming<v1::CreateSecretResponse>(secret);
    if (has_value) response.set_version_id(version.value());
    return response;
}

/// The master key as the request names it, and its ARN where there is such a key.
template <class Request>
void add_master_key(const Request& request, const ServiceParts& parts, Facts& facts) {
    if (!request.has_kms_key_id()) return;
    facts.add(access::Key::sm_kms_key_id, request.kms_key_id());
    try {
        const auto key = parts.master_keys.find(request.kms_key_id());
        facts.add(access::Key::sm_kms_key_arn, master_key_arn(parts.node, key.value()));
    } catch (const ServiceError&) {
        return;  // said after it is known whether the caller may ask
    }
}

Facts facts_of(const v1::CreateSecretRequest& request, const ServiceParts& parts) {
    Facts facts;
    facts.add(access::Key::sm_name, request.name());
    if (request.has_description()) facts.add(access::Key::sm_description, request.description());
    add_master_key(request, parts, facts);
    if (request.has_force_overwrite_replica_secret()) {
        facts.add_boolean(access::Key::sm_force_overwrite_replica, request.force_overwrite_replica_secret());
    }
    if (request.tags_size() > 0) facts.request_tags = policy_tags(request.tags());
    return facts;
}

Facts facts_of(const v1::UpdateSecretRequest& request, const ServiceParts& parts) {
    Facts facts;
    if (request.has_description()) facts.add(access::Key::sm_description, request.description());
    add_master_key(request, parts, facts);
    return facts;
}

}  // namespace

void SecretsService::require_creatable(const CallContext& call, const StoredSecret& secret,
                                       const v1::CreateSecretRequest& request) const {
    const Target target{secret.arn, secret.name, nullptr};
    const auto facts = facts_of(request, parts_);
    authorization_.require(call, access::Action::create_secret, target, facts);
    // As AWS: who creates with tags needs the right to tag as well.
    if (facts.request_tags) authorization_.require(call, access::Action::tag_resource, target, facts);
}

awaitable<v1::CreateSecretResponse> SecretsService::create_secret(Call call,
                                                                  v1::CreateSecretRequest request) {
    if (!is_valid_name(request.name())) throw invalid_name();
    refuse_many_tags(request.tags());
    const auto token = require_token(request);
    const auto value = take_value(request);
    if (request.add_replica_regions_size() > 0) throw not_implemented("CreateSecret with AddReplicaRegions");
    if (request.has_type()) throw not_implemented("CreateSecret with Type");

    StoredSecret secret;
    secret.id = storage::SecretId(Uuid::random());
    secret.name = request.name();
    secret.arn = make_arn(parts_.node, secret.name);
    require_creatable(*call, secret, request);
    secret.description = non_empty(request.description());
    secret.kms_key_id = named_master_key(request.kms_key_id());
    secret.created = secret.last_changed = parts_.clock.now();
    secret.creation_token = token.value();
    if (request.tags_size() > 0) secret.tags = with_tags({}, request.tags());
    const auto key = parts_.master_keys.resolve(secret.kms_key_id);

    Payloads payloads;
    if (value) {
        crypto::PayloadIdentity identity{secret.arn, token.value(), to_payload_kind(value->kind)};
        auto sealed = co_await seal_value(call, std::move(identity), value->bytes.clone(), key);
        secret.versions.push_back(
            StoredVersion{token, secret.created, value->kind, key.value(), {}, std::nullopt});
        make_current(secret.versions, token);
        payloads.emplace_back(token, to_stored(std::move(sealed)));
    }

    if (value) call->record->version = token.value();
    call->record->answers(secret.arn, secret.name);
    UniqueFunction<CreateOutcome(storage::WriteTransaction&)> job = [secret, payloads,
                                                                     token](storage::WriteTransaction& tx) {
        return create_or_find(tx, secret, payloads, token);
    };
    const auto outcome = co_await write<CreateOutcome>(call, std::move(job));
    if (outcome.created) co_return created_response(secret, token, value != nullptr);

    const StoredSecret& existing = *outcome.existing;
    if (existing.deleted) throw name_scheduled_for_deletion();
    const auto* version = find_version(existing.versions, token);
    // Without a value there is no version to know the request by; the secret itself remembers.
    const bool repeated = !value && existing.creation_token == token.value();
    if (version == nullptr && repeated) co_return created_response(existing, token, false);
    if (version == nullptr) throw secret_exists(existing.name);
    if (!value || !version->kind || !outcome.existing_payload)
        throw token_in_use(token.value(), existing.arn);
    auto given = value->clone();
    co_await require_same_value(call, existing.arn, token.value(), std::move(given), *version->kind,
                                *outcome.existing_payload);
    co_return created_response(existing, token, true);
}

SecretsService::PutOutcome SecretsService::put_version(Edit& edit, const VersionId& id,
                                                       storage::ValueKind kind, const StoredPayload& payload,
                                                       const std::vector<StagingLabel>& labels,
                                                       Timestamp now) {
    StoredSecret& secret = edit.secret;
    refuse_deleted(secret);
    PutOutcome outcome{secret.arn, secret.name, {}, std::nullopt, std::nullopt};
    StoredVersion* version = find_version(secret.versions, id);
    if (version != nullptr && version->kind) {
        edit.changed = false;
        outcome.existing = SecretRepository::payload(edit.tx, secret.id, id);
        outcome.existing_kind = version->kind;
        outcome.labels = version->labels;
        return outcome;
    }
    const bool first = secret.versions.empty();
    if (version == nullptr) {
        version = &secret.versions.emplace_back(
            StoredVersion{id, now, std::nullopt, std::nullopt, {}, std::nullopt});
    }
    // Also the value of a version that RotateSecret made without one.
    version->kind = kind;
    version->master_key = payload.master_key;
    if (labels.empty()) {
        make_current(secret.versions, id);
        if (secret.rotation) take_pending(secret.versions, id);
    } else {
        attach_labels(secret.versions, id, labels);
        if (first) attach_label(secret.versions, id, kCurrent);
    }
    outcome.labels = find_version(secret.versions, id)->labels;
    require_quotas(edit.tx, secret, now);
    secret.last_changed = now;
    edit.payloads.emplace_back(id, payload);
    return outcome;
}

awaitable<v1::PutSecretValueResponse> SecretsService::put_secret_value(Call call,
                                                                       v1::PutSecretValueRequest request) {
    const auto ref = SecretRef::parse(request.secret_id(), parts_.node);
    const auto token = require_token(request);
    const auto value = take_value(request);
    if (!value) throw no_value_given();
    const auto secret = co_await require_secret(call, ref, access::Action::put_secret_value, {});
    refuse_deleted(*secret);

    crypto::PayloadIdentity identity{secret->arn, token.value(), to_payload_kind(value->kind)};
    const auto key = parts_.master_keys.resolve_stored(secret->kms_key_id);
    auto sealed = co_await seal_value(call, std::move(identity), value->bytes.clone(), key);

    call->record->version = token.value();
    std::vector<StagingLabel> labels;
    for (const auto& label : request.version_stages()) {
        if (std::ranges::find(labels, label, &StagingLabel::value) == labels.end())
            labels.emplace_back(label);
    }
    UniqueFunction<PutOutcome(Edit&)> edit = [payload = to_stored(std::move(sealed)), token, labels,
                                              kind = value->kind, now = parts_.clock.now()](Edit& e) {
        return put_version(e, token, kind, payload, labels, now);
    };
    auto outcome = co_await change<PutOutcome>(call, secret, std::move(edit), Haste::as_seen);
    if (outcome.existing) {
        auto given = value->clone();
        co_await require_same_value(call, outcome.arn, token.value(), std::move(given),
                                    *outcome.existing_kind, std::move(*outcome.existing));
    }

    v1::PutSecretValueResponse response;
    response.set_arn(outcome.arn);
    response.set_name(outcome.name);
    response.set_version_id(token.value());
    for (const auto& label : outcome.labels) response.add_version_stages(label.value());
    co_return response;
}

namespace {

/// The secret changed between the encryption of its versions under a new key and the transaction that would
/// have stored them.
class RevisionMoved : public Error {
public:
    RevisionMoved()
        : Error("the secret changed while its versions were encrypted under another master key") {}
};

bool is_under_other_key(const StoredVersion& version, crypto::MasterKeyId key) {
    return version.kind && version.master_key != key.value();
}

}  // namespace

awaitable<SecretsService::Payloads> SecretsService::reencrypt(Call call, SecretPtr secret,
                                                              crypto::MasterKeyId key) {
    Payloads payloads;
    for (const auto& version : secret->versions) {
        if (!is_under_other_key(version, key)) continue;
        const JobOptions options{Priority::write, call->deadline};
        auto start = [this, secret, id = version.id, options](Completion<PayloadPtr> done) mutable {
            parts_.cache.payload(secret, id, options, std::move(done));
        };
        const auto stored = co_await await_completion<PayloadPtr>(std::move(start));
        if (!stored) throw RevisionMoved();
        crypto::PayloadIdentity identity{secret->arn, version.id.value(), to_payload_kind(*version.kind)};
        auto value = co_await open_stored(call, secret, version.id, identity, stored);
        auto sealed = co_await seal_value(call, std::move(identity), std::move(value), key);
        payloads.emplace_back(version.id, to_stored(std::move(sealed)));
    }
    co_return payloads;
}

awaitable<v1::UpdateSecretResponse> SecretsService::try_update(
    Call call, SecretPtr secret, std::shared_ptr<const v1::UpdateSecretRequest> request,
    std::shared_ptr<const ValueKindAndBytes> value) {
    const auto new_key_id =
        request->has_kms_key_id() ? named_master_key(request->kms_key_id()) : secret->kms_key_id;
    std::optional<crypto::MasterKeyId> key;
    if (request->has_kms_key_id()) {
        key = parts_.master_keys.resolve(new_key_id);
    } else if (value) {
        key = parts_.master_keys.resolve_stored(new_key_id);
    }
    const bool moves_key =
        request->has_kms_key_id() && std::ranges::any_of(secret->versions, [key](const auto& version) {
            return is_under_other_key(version, *key);
        });
    Payloads reencrypted;
    if (moves_key) reencrypted = co_await reencrypt(call, secret, *key);

    const VersionId token(request->client_request_token());
    std::optional<StoredPayload> payload;
    if (value) {
        crypto::PayloadIdentity identity{secret->arn, token.value(), to_payload_kind(value->kind)};
        auto sealed = co_await seal_value(call, std::move(identity), value->bytes.clone(), *key);
        payload = to_stored(std::move(sealed));
        call->record->version = token.value();
    }

    const bool changes_metadata = request->has_description() || request->has_kms_key_id();
    const auto require_as_seen = [moves_key, seen = secret](const Edit& e) {
        refuse_deleted(e.secret);
        if (moves_key && e.secret.revision != seen->revision) throw RevisionMoved();
    };
    const auto set_metadata = [request, new_key_id, reencrypted](Edit& e) {
        if (request->has_description()) e.secret.description = non_empty(request->description());
        if (request->has_kms_key_id()) e.secret.kms_key_id = new_key_id;
        for (const auto& [id, sealed_again] : reencrypted) {
            if (auto* version = find_version(e.secret.versions, id)) {
                version->master_key = sealed_again.master_key;
                e.payloads.emplace_back(id, sealed_again);
            }
        }
    };
    const auto now = parts_.clock.now();
    UniqueFunction<PutOutcome(Edit&)> edit = [=, kind = value ? value->kind
                                                              : storage::ValueKind::string](Edit& e) {
        require_as_seen(e);
        PutOutcome outcome{e.secret.arn, e.secret.name, {}, std::nullopt, std::nullopt};
        if (payload) {
            outcome = put_version(e, token, kind, *payload, {}, now);
            if (outcome.existing) return outcome;  // nothing is changed before the values are compared
        }
        set_metadata(e);
        e.changed = payload || changes_metadata;
        if (e.changed) e.secret.last_changed = now;
        return outcome;
    };
    auto outcome = co_await change<PutOutcome>(call, secret, std::move(edit));
    if (outcome.existing) {
        auto given = value->clone();
        co_await require_same_value(call, outcome.arn, token.value(), std::move(given),
                                    *outcome.existing_kind, std::move(*outcome.existing));
    }
    if (outcome.existing && changes_metadata) {
        // The value came by another request, which may have said something else, or by this one before.
        UniqueFunction<Done(Edit&)> rest = [=](Edit& e) {
            require_as_seen(e);
            const auto before = e.secret;
            set_metadata(e);
            e.changed = moves_key || e.secret.description != before.description ||
                        e.secret.kms_key_id != before.kms_key_id;
            if (e.changed) e.secret.last_changed = now;
            return Done{};
        };
        co_await change<Done>(call, secret, std::move(rest));
    }

    v1::UpdateSecretResponse response;
    response.set_arn(outcome.arn);
    response.set_name(outcome.name);
    if (value) response.set_version_id(token.value());
    co_return response;
}

awaitable<v1::UpdateSecretResponse> SecretsService::update_secret(Call call,
                                                                  v1::UpdateSecretRequest request) {
    const auto ref = SecretRef::parse(request.secret_id(), parts_.node);
    const auto value = take_value(request);
    if (value) static_cast<void>(require_token(request));
    if (request.has_type()) throw not_implemented("UpdateSecret with Type");
    const auto shared_request = std::make_shared<const v1::UpdateSecretRequest>(std::move(request));

    // Encrypting under another key happens outside the transaction; a change in between means once more.
    constexpr int kMaxAttempts = 5;
    for (int attempt = 1;; ++attempt) {
        const auto secret = co_await require_secret(call, ref, access::Action::update_secret,
                                                    facts_of(*shared_request, parts_));
        refuse_deleted(*secret);
        bool moved = false;
        try {
            co_return co_await try_update(call, secret, shared_request, value);
        } catch (const RevisionMoved&) {
            moved = true;
        }
        if (moved && attempt == kMaxAttempts) {
            throw ServiceError(
                v1::INTERNAL_SERVICE_ERROR,
                "The secret changed too often while it was encrypted under another master key. Try again.",
                true);
        }
    }
}

namespace {

/// Checks a label move against what the secret is now, in the words that AWS has for it.
void require_movable(const StoredSecret& secret, const v1::UpdateSecretVersionStageRequest& request) {
    const std::string& label = request.version_stage();
    const StoredVersion* holder = holder_of(secret.versions, label);
    const bool removes = request.has_remove_from_version_id();
    const bool moves = request.has_move_to_version_id();
    if (moves) {
        const auto* target = find_version(secret.versions, VersionId(request.move_to_version_id()));
        if (target == nullptr) throw no_value_for_version(request.move_to_version_id());
        if (label == kCurrent && !target->kind) {
            throw invalid_request("You can't make version " + request.move_to_version_id() +
                                  " AWSCURRENT because it has no value yet.");
        }
    }
    if (removes && (holder == nullptr || holder->id.value() != request.remove_from_version_id())) {
        const bool done_already =
            moves && holder != nullptr && holder->id.value() == request.move_to_version_id();
        if (!done_already) {
            throw invalid_parameter(
                "When you move staging label " + label +
                ", if you specify RemoveFromVersionId, it must be set to the version that currently "
                "has the staging label " +
                label + ".");
        }
    }
    if (!removes && holder != nullptr && holder->id.value() != request.move_to_version_id()) {
        throw invalid_parameter("The parameter RemoveFromVersionId can't be empty. Staging label " + label +
                                " is currently attached to version " + holder->id.value() +
                                ", so you must explicitly reference that version in RemoveFromVersionId.");
    }
    if (!moves && label == kCurrent) {
        throw invalid_parameter(
            "You can't remove the staging label AWSCURRENT without moving it: specify MoveToVersionId.");
    }
}

}  // namespace

awaitable<v1::UpdateSecretVersionStageResponse> SecretsService::update_secret_version_stage(
    Call call, v1::UpdateSecretVersionStageRequest request) {
    const auto ref = SecretRef::parse(request.secret_id(), parts_.node);
    if (!request.has_move_to_version_id() && !request.has_remove_from_version_id()) {
        throw invalid_parameter("You must specify MoveToVersionId, RemoveFromVersionId, or both.");
    }
    Facts facts;
    facts.add(access::Key::sm_version_stage, request.version_stage());
    const auto secret =
        co_await require_secret(call, ref, access::Action::update_secret_version_stage, std::move(facts));
    UniqueFunction<v1::UpdateSecretVersionStageResponse(Edit&)> edit = [request,
                                                                        now = parts_.clock.now()](Edit& e) {
        refuse_deleted(e.secret);
        require_movable(e.secret, request);
        const auto before = e.secret.versions;
        if (request.has_move_to_version_id()) {
            attach_label(e.secret.versions, VersionId(request.move_to_version_id()), request.version_stage());
        } else {
            detach_label(e.secret.versions, VersionId(request.remove_from_version_id()),
                         request.version_stage());
        }
        require_label_quota(e.secret);
        e.changed = !std::ranges::equal(before, e.secret.versions, {}, &StoredVersion::labels,
                                        &StoredVersion::labels);
        if (e.changed) e.secret.last_changed = now;
        return answer_naming<v1::UpdateSecretVersionStageResponse>(e.secret);
    };
    co_return co_await change<v1::UpdateSecretVersionStageResponse>(call, secret, std::move(edit),
                                                                    Haste::as_seen);
}

}  // namespace coffer::secrets
