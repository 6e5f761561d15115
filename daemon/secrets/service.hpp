#pragma once
// What the operations mean: AWS Secrets Manager's, over sealed rows and a token. One coroutine for each
// operation, written once for every front door. An operation throws ServiceError with AWS's words for what
// the caller did wrong; failures of a backend pass through as the layers below throw them.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coffer/v1/secrets.pb.h"
#include "crypto/hsm.hpp"
#include "daemon/access/actions.hpp"
#include "daemon/base/time.hpp"
#include "daemon/secrets/authorization.hpp"
#include "daemon/secrets/call_context.hpp"
#include "daemon/secrets/list_filter.hpp"
#include "daemon/secrets/master_keys.hpp"
#include "daemon/secrets/page_token.hpp"
#include "daemon/secrets/principal_directory.hpp"
#include "daemon/secrets/rotation_functions.hpp"
#include "daemon/secrets/secret_ref.hpp"
#include "daemon/secrets/values.hpp"
#include "storage/access_recorder.hpp"
#include "storage/database.hpp"
#include "storage/secret_cache.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::secrets {

/// What the service works with; all must outlive it.
struct ServiceParts {
    NodeIdentity node;
    crypto::Hsm& hsm;
    storage::Database& database;
    storage::SecretCache& cache;
    storage::AccessRecorder& accesses;
    const MasterKeys& master_keys;
    const PageTokens& page_tokens;
    const Clock& clock;
    /// May be null: then no secret can be rotated.
    RotationFunctions* rotation_functions = nullptr;
    /// May be null: then policies are matched by the ARNs that they name.
    const PrincipalDirectory* principals = nullptr;
};

/// Thread-safe; the coroutines run on the caller's executor and do not block it.
class SecretsService {
public:
    template <class T>
    using Awaitable = boost::asio::awaitable<T>;

    explicit SecretsService(ServiceParts parts) : parts_(std::move(parts)), authorization_(parts_.clock) {}

    Awaitable<v1::CreateSecretResponse> create_secret(Call call, v1::CreateSecretRequest request);
    Awaitable<v1::GetSecretValueResponse> get_secret_value(Call call, v1::GetSecretValueRequest request);
    Awaitable<v1::BatchGetSecretValueResponse> batch_get_secret_value(Call call,
                                                                      v1::BatchGetSecretValueRequest request);
    Awaitable<v1::PutSecretValueResponse> put_secret_value(Call call, v1::PutSecretValueRequest request);
    Awaitable<v1::UpdateSecretResponse> update_secret(Call call, v1::UpdateSecretRequest request);
    Awaitable<v1::UpdateSecretVersionStageResponse> update_secret_version_stage(
        Call call, v1::UpdateSecretVersionStageRequest request);
    Awaitable<v1::DescribeSecretResponse> describe_secret(Call call, v1::DescribeSecretRequest request);
    Awaitable<v1::ListSecretsResponse> list_secrets(Call call, v1::ListSecretsRequest request);
    Awaitable<v1::ListSecretVersionIdsResponse> list_secret_version_ids(
        Call call, v1::ListSecretVersionIdsRequest request);
    Awaitable<v1::DeleteSecretResponse> delete_secret(Call call, v1::DeleteSecretRequest request);
    Awaitable<v1::RestoreSecretResponse> restore_secret(Call call, v1::RestoreSecretRequest request);
    Awaitable<v1::RotateSecretResponse> rotate_secret(Call call, v1::RotateSecretRequest request);
    Awaitable<v1::CancelRotateSecretResponse> cancel_rotate_secret(Call call,
                                                                   v1::CancelRotateSecretRequest request);
    Awaitable<v1::TagResourceResponse> tag_resource(Call call, v1::TagResourceRequest request);
    Awaitable<v1::UntagResourceResponse> untag_resource(Call call, v1::UntagResourceRequest request);
    Awaitable<v1::PutResourcePolicyResponse> put_resource_policy(Call call,
                                                                 v1::PutResourcePolicyRequest request);
    Awaitable<v1::GetResourcePolicyResponse> get_resource_policy(Call call,
                                                                 v1::GetResourcePolicyRequest request);
    Awaitable<v1::DeleteResourcePolicyResponse> delete_resource_policy(
        Call call, v1::DeleteResourcePolicyRequest request);
    Awaitable<v1::ValidateResourcePolicyResponse> validate_resource_policy(
        Call call, v1::ValidateResourcePolicyRequest request);
    Awaitable<v1::GetRandomPasswordResponse> get_random_password(Call call,
                                                                 v1::GetRandomPasswordRequest request);

private:
    using SecretPtr = storage::SecretCache::SecretPtr;
    using Wanted = storage::SecretCache::Wanted;
    using PayloadPtr = storage::SecretCache::PayloadPtr;
    using Payloads = std::vector<std::pair<storage::VersionId, storage::StoredPayload>>;

    /// One change of a locked secret, inside its transaction.
    struct Edit {
        storage::WriteTransaction& tx;
        storage::StoredSecret& secret;
        Payloads payloads;    ///< of versions added or encrypted anew
        bool changed = true;  ///< false: nothing is written
    };

    /// What became of a value that was put as a version.
    struct PutOutcome {
        std::string arn;
        std::string name;
        std::vector<storage::StagingLabel> labels;
        /// Set when the version was there already, with this payload: the caller compares the values.
        std::optional<storage::StoredPayload> existing;
        std::optional<storage::ValueKind> existing_kind;
    };

    // support.cpp: what every operation is made of
    Awaitable<SecretPtr> find_secret(Call call, const SecretRef& ref, Wanted wanted = Wanted::secret);
    /// The secret that the caller names. Throws AccessDenied, before it says whether there is one, unless the
    /// caller may do `action` to it.
    Awaitable<SecretPtr> require_secret(Call call, SecretRef ref, access::Action action, Facts facts,
                                        Wanted wanted = Wanted::secret);
    /// What a secret that the caller named is for policies, also when it does not exist.
    Target target_of(const SecretRef& ref, const storage::StoredSecret* secret) const;
    Awaitable<crypto::SealedPayload> seal_value(Call call, crypto::PayloadIdentity identity,
                                                crypto::SecretBytes value, crypto::MasterKeyId key);
    Awaitable<crypto::SecretBytes> open_payload(Call call, crypto::PayloadIdentity identity,
                                                std::shared_ptr<const crypto::SealedPayload> payload);
    /// Opens a payload from the cache. Where the token of this node is not known to hold its generation, that
    /// has been retired, or made by another node: the payload is loaded again and the keys looked for, once.
    Awaitable<crypto::SecretBytes> open_stored(Call call, SecretPtr secret, storage::VersionId version,
                                               crypto::PayloadIdentity identity, PayloadPtr payload);
    template <class T>
    Awaitable<T> read(Call call, UniqueFunction<T(storage::ReadTransaction&)> job);
    template <class T>
    Awaitable<T> write(Call call, UniqueFunction<T(storage::WriteTransaction&)> job);
    /// Locks the secret that `seen` is, runs `edit`, stores what it changed. Throws secret_not_found when it
    /// is gone, or another secret has its name now. With Haste::as_seen the lock is left away as long as the
    /// secret is as it was seen; `edit` may then run twice.
    enum class Haste : std::uint8_t { locked, as_seen };
    template <class T>
    Awaitable<T> change(Call call, SecretPtr seen, UniqueFunction<T(Edit&)> edit,
                        Haste haste = Haste::locked);
    /// Throws token_in_use unless the version that `outcome` found holds the same value.
    Awaitable<void> require_same_value(Call call, std::string arn, std::string token, ValueKindAndBytes value,
                                       storage::ValueKind existing_kind, storage::StoredPayload existing);

    // read_operations.cpp
    Awaitable<v1::GetSecretValueResponse> read_value(Call call, SecretPtr secret,
                                                     storage::StoredVersion version);
    std::optional<Timestamp> last_accessed(const storage::StoredSecret& secret) const;
    std::optional<Timestamp> last_accessed(const storage::StoredSecret& secret,
                                           const storage::StoredVersion& version) const;

    // write_operations.cpp
    void require_creatable(const CallContext& call, const storage::StoredSecret& secret,
                           const v1::CreateSecretRequest& request) const;
    static PutOutcome put_version(Edit& edit, const storage::VersionId& id, storage::ValueKind kind,
                                  const storage::StoredPayload& payload,
                                  const std::vector<storage::StagingLabel>& labels, Timestamp now);
    Awaitable<Payloads> reencrypt(Call call, SecretPtr secret, crypto::MasterKeyId key);
    Awaitable<v1::UpdateSecretResponse> try_update(Call call, SecretPtr secret,
                                                   std::shared_ptr<const v1::UpdateSecretRequest> request,
                                                   std::shared_ptr<const ValueKindAndBytes> value);

    // lifecycle_operations.cpp
    /// Gives the secret other tags. Throws access::AccessDenied when the caller, who asked for that by
    /// `action` with `facts`, could not do so again.
    void store_tags(const CallContext& call, access::Action action, const Facts& facts, Edit& edit,
                    std::vector<storage::Tag> tags, Timestamp now) const;

    // policy_operations.cpp
    /// Whether the caller could replace `policy` by the same request, with `facts`, or take it away, if it
    /// were the secret's.
    [[nodiscard]] bool can_manage_with(const CallContext& call, const storage::StoredSecret& secret,
                                       const std::string& policy, const access::PolicyDocument& document,
                                       const Facts& facts) const;

    // list_operations.cpp
    struct Page {
        std::vector<storage::StoredSecret> secrets;
        std::optional<storage::ListCursor> next;
    };
    Awaitable<Page> list_page(Call call, storage::ListQuery query, std::shared_ptr<const ListFilter> filter,
                              std::size_t max_results);
    v1::SecretListEntry to_list_entry(const storage::StoredSecret& secret) const;

    /// Drops the token's unwrapped copies of a deleted secret's data keys.
    void forget_data_keys(const std::vector<Bytes>& wrapped_keys);

    ServiceParts parts_;
    Authorization authorization_;
};

}  // namespace coffer::secrets
