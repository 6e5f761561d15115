// GetSecretValue, DescribeSecret, ListSecretVersionIds,
// GetRandomPassword.

#include <algorithm>

#include "daemon/secrets/error_mapping.hpp"
#include "daemon/secrets/labels.hpp"
#include "daemon/secrets/payloads.hpp"
#include "daemon/secrets/position.hpp"
#include "daemon/secrets/random_password.hpp"
#include "daemon/secrets/responses.hpp"
#include "daemon/secrets/service_support.hpp"

namespace coffer::secrets {

using boost::asio::awaitable;
using storage::StoredSecret;
using storage::StoredVersion;
using storage::VersionId;

namespace {

/// The version that a GetSecretValue request means; AWS's error when there is none with a value.
const StoredVersion& select_version(const StoredSecret& secret, const v1::GetSecretValueRequest& request) {
    if (!request.has_version_id()) {
        const std::string label =
            request.has_version_stage() ? request.version_stage() : std::string(kCurrent);
        const auto* version = holder_of(secret.versions, label);
        if (version == nullptr || !version->kind) throw no_value_for_label(label);
        return *version;
    }
    const auto* version = find_version(secret.versions, VersionId(request.version_id()));
    if (version == nullptr) throw no_value_for_version(request.version_id());
    if (request.has_version_stage() && !has_label(*version, request.version_stage())) {
        throw invalid_request(
            "You provided a VersionStage that is not associated to the provided VersionId.");
    }
    if (!version->kind) {
        throw request.has_version_stage() ? no_value_for_label(request.version_stage())
                                          : no_value_for_version(request.version_id());
    }
    return *version;
}

Facts facts_of(const v1::GetSecretValueRequest& request) {
    Facts facts;
    if (request.has_version_id()) facts.add(access::Key::sm_version_id, request.version_id());
    if (request.has_version_stage()) facts.add(access::Key::sm_version_stage, request.version_stage());
    return facts;
}

v1::GetSecretValueResponse to_response(const StoredSecret& secret, const StoredVersion& version,
                                       const crypto::SecretBytes& value) {
    auto response = answer_naming<v1::GetSecretValueResponse>(secret);
    response.set_version_id(version.id.value());
    if (version.kind == storage::ValueKind::binary) {
        response.set_secret_binary(value.view().data(), value.size());
    } else {
        response.set_secret_string(value.view().data(), value.size());
    }
    for (const auto& label : version.labels) response.add_version_stages(label.value());
    response.set_created_date(version.created.seconds());
    return response;
}

}  // namespace

awaitable<v1::GetSecretValueResponse> SecretsService::read_value(Call call, SecretPtr secret,
                                                                 StoredVersion version) {
    auto payload = parts_.cache.peek_payload(*secret, version.id);
    if (!payload) {
        const JobOptions options{Priority::read, call->deadline};
        auto start = [this, secret, id = version.id, options](Completion<PayloadPtr> done) mutable {
            parts_.cache.payload(secret, id, options, std::move(done));
        };
        payload = co_await await_completion<PayloadPtr>(std::move(start));
    }
    // The version was pruned, or the secret purged, after its metadata was read.
    if (!payload) throw no_value_for_version(version.id.value());
    crypto::PayloadIdentity identity{secret->arn, version.id.value(), to_payload_kind(*version.kind)};
    const auto value =
        co_await open_stored(call, secret, version.id, std::move(identity), std::move(payload));
    parts_.accesses.record(secret->id, version.id, parts_.clock.now().day(),
                           call->caller.rights->principal.arn);
    co_return to_response(*secret, version, value);
}

awaitable<v1::GetSecretValueResponse> SecretsService::get_secret_value(Call call,
                                                                       v1::GetSecretValueRequest request) {
    auto ref = SecretRef::parse(request.secret_id(), parts_.node);
    const auto secret = co_await require_secret(call, std::move(ref), access::Action::get_secret_value,
                                                facts_of(request), Wanted::value);
    refuse_deleted(*secret);
    auto version = select_version(*secret, request);
    co_return co_await read_value(call, secret, std::move(version));
}

namespace {

/// Days of access are not sealed: what somebody wrote there is shown as a day that clients can read, or none
/// of them could read a list that has it.
std::optional<Timestamp> shown_day(std::optional<Timestamp> day) {
    constexpr std::int64_t kLastDay = 253'402'214'400'000;  // 9999-12-31
    if (!day) return day;
    return std::clamp(*day, Timestamp{}, Timestamp::from_millis(kLastDay));
}

}  // namespace

std::optional<Timestamp> SecretsService::last_accessed(const StoredSecret& secret) const {
    return shown_day(std::max(secret.last_accessed, parts_.accesses.day(secret.id)));
}

std::optional<Timestamp> SecretsService::last_accessed(const StoredSecret& secret,
                                                       const StoredVersion& version) const {
    return shown_day(std::max(version.last_accessed, parts_.accesses.day(secret.id, version.id)));
}

awaitable<v1::DescribeSecretResponse> SecretsService::describe_secret(Call call,
                                                                      v1::DescribeSecretRequest request) {
    auto ref = SecretRef::parse(request.secret_id(), parts_.node);
    const auto secret = co_await require_secret(call, std::move(ref), access::Action::describe_secret, {});
    v1::DescribeSecretResponse response;
    fill_metadata(*secret, last_accessed(*secret), response);
    fill_labels(secret->versions, *response.mutable_version_ids_to_stages());
    co_return response;
}

awaitable<v1::ListSecretVersionIdsResponse> SecretsService::list_secret_version_ids(
    Call call, v1::ListSecretVersionIdsRequest request) {
    auto ref = SecretRef::parse(request.secret_id(), parts_.node);
    const auto secret =
        co_await require_secret(call, std::move(ref), access::Action::list_secret_version_ids, {});

    // The position is the id of the version that the next page begins behind; versions only ever go away
    // from the old end or come at the new one, so none is shown twice or left out.
    CanonicalEncoder context("coffer/page/ListSecretVersionIds/v1");
    context.text(call->caller.principal).text(secret->arn).boolean(request.include_deprecated());
    std::optional<VersionPosition> after;
    if (request.has_next_token()) {
        after = VersionPosition::decode(parts_.page_tokens.open(request.next_token(), context.result()));
    }

    constexpr std::size_t kDefaultPage = 100;
    const auto page =
        request.has_max_results() ? static_cast<std::size_t>(request.max_results()) : kDefaultPage;
    auto response = answer_naming<v1::ListSecretVersionIdsResponse>(*secret);
    const StoredVersion* last = nullptr;
    for (const auto& version : secret->versions) {
        if (after && !after->is_before(version)) continue;
        if (version.labels.empty() && !request.include_deprecated()) continue;
        if (static_cast<std::size_t>(response.versions_size()) == page) {
            const auto position = VersionPosition::of(*last).encode();
            response.set_next_token(parts_.page_tokens.make(position, context.result()));
            break;
        }
        fill_version(version, last_accessed(*secret, version), parts_.master_keys.default_key(),
                     *response.add_versions());
        last = &version;
    }
    co_return response;
}

awaitable<v1::GetRandomPasswordResponse> SecretsService::get_random_password(
    Call call, v1::GetRandomPasswordRequest request) {
    authorization_.require(*call, access::Action::get_random_password, {"*", "*"}, {});
    const PasswordRules rules(request);
    std::optional<crypto::SecretBytes> password;
    while (!password) {
        const JobOptions options{Priority::read, call->deadline};
        auto start = [this, options,
                      size = rules.random_bytes_needed()](Completion<crypto::SecretBytes> done) mutable {
            parts_.hsm.random(size, options, std::move(done));
        };
        const auto random = co_await await_completion<crypto::SecretBytes>(std::move(start));
        password = rules.generate(random.view());
    }
    v1::GetRandomPasswordResponse response;
    response.set_random_password(password->view().data(), password->size());
    co_return response;
}

}  // namespace coffer::secrets
