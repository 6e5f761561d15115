// VerifyKeys: a page of versions at a time, then the access keys.

#include <algorithm>

#include "daemon/iam/access_key_rewrap.hpp"
#include "daemon/keys/service_support.hpp"
#include "daemon/secrets/errors.hpp"
#include "daemon/secrets/payloads.hpp"
#include "storage/rewrap_repository.hpp"

namespace coffer::keys {

using storage::RewrapRepository;

namespace {

constexpr std::size_t kDefaultPage = 200;
/// Values of a page may have 64 KiB each; with the bound below a page stays within some megabytes.
constexpr std::size_t kMostWithValues = 100;

/// Where the next page begins: behind a version, or at the access keys.
struct Position {
    storage::VersionPosition behind{Uuid(std::array<std::uint8_t, 16>{}), ""};
    bool at_access_keys = false;
};

/// Is encrypted and authenticated (PageTokens), so that only what stands here is read back.
std::string token_of(const Position& position) {
    return position.behind.secret.text() + (position.at_access_keys ? "k" : "v") + position.behind.version;
}

Position position_of(std::string_view text) {
    constexpr std::size_t kUuidCharacters = 36;
    const auto secret = Uuid::parse(text.substr(0, std::min(text.size(), kUuidCharacters)));
    if (!secret || text.size() <= kUuidCharacters) throw secrets::invalid_next_token();
    return {{*secret, std::string(text.substr(kUuidCharacters + 1))}, text[kUuidCharacters] == 'k'};
}

void add_failure(v1::VerifyKeysResponse& response, const std::string& arn, const std::string& version,
                 const std::string& why) {
    auto& failure = *response.add_failures();
    failure.set_secret_arn(arn);
    failure.set_version_id(version);
    failure.set_message(why);
}

crypto::WrappedDataKey wrapped(const storage::StoredPayload& payload) {
    return {{crypto::MasterKeyId(payload.master_key), payload.generation}, payload.wrapped_key};
}

}  // namespace

v1::VerifyKeysResponse KeyService::verify_keys(Context call, const v1::VerifyKeysRequest& request) {
    require(call, access::Action::coffer_verify_keys, "*");
    std::optional<Uuid> key;
    if (request.has_key_id()) {
        key = find_key(load_keys(call), request.key_id(), parts_.master_keys.default_key().value());
        if (!key) {
            throw secrets::ServiceError(v1::RESOURCE_NOT_FOUND,
                                        "Key '" + request.key_id() + "' does not exist");
        }
    }
    CanonicalEncoder context("coffer/page/VerifyKeys/v1");
    context.text(call.caller.principal).text(request.key_id()).boolean(request.values());
    Position position;
    if (request.has_next_token()) {
        position = position_of(as_text(parts_.page_tokens.open(request.next_token(), context.result())));
    }
    auto limit = request.has_max_results() ? static_cast<std::size_t>(request.max_results()) : kDefaultPage;
    if (request.values()) limit = std::min(limit, kMostWithValues);

    v1::VerifyKeysResponse response;
    const JobOptions options{Priority::rotation, call.deadline};
    if (position.at_access_keys) {
        const auto stored = iam::access_key_secrets(*parts_.principals.directory(), key ? &*key : nullptr);
        std::vector<crypto::ProofItem> items;
        for (const auto& each : stored) {
            items.push_back({wrapped(each.secret),
                             {each.user_id, each.access_key_id, crypto::PayloadKind::access_key},
                             request.values() ? each.secret.ciphertext : Bytes{}});
        }
        const auto failures = parts_.hsm.rewrapper().prove(std::move(items), options);
        for (std::size_t i = 0; i < failures.size(); ++i) {
            if (!failures[i].empty()) {
                add_failure(response, stored[i].user_arn, stored[i].access_key_id, failures[i]);
            }
        }
        response.set_checked(static_cast<std::int64_t>(stored.size()));
        return response;
    }

    const auto versions = read<std::vector<storage::VersionProof>>(call, [&](storage::ReadTransaction& tx) {
        if (!request.has_next_token()) response.set_total(RewrapRepository::count_versions(tx, key));
        return RewrapRepository::versions(tx, key, position.behind, limit, request.values());
    });
    std::vector<crypto::ProofItem> items;
    for (const auto& each : versions) {
        items.push_back({wrapped(each.payload),
                         {each.secret_arn, each.version.value(), secrets::to_payload_kind(each.kind)},
                         each.payload.ciphertext});
    }
    const auto failures = parts_.hsm.rewrapper().prove(std::move(items), options);
    for (std::size_t i = 0; i < failures.size(); ++i) {
        if (failures[i].empty()) continue;
        add_failure(response, versions[i].secret_arn, versions[i].version.value(), failures[i]);
    }
    response.set_checked(static_cast<std::int64_t>(versions.size()));
    Position next;
    next.at_access_keys = versions.size() < limit;
    if (!versions.empty()) next.behind = {versions.back().secret.value(), versions.back().version.value()};
    response.set_next_token(parts_.page_tokens.make(as_bytes(token_of(next)), context.result()));
    return response;
}

}  // namespace coffer::keys
