#pragma once
// The operations on master keys, as the pipeline calls them. They are rare, and wait for the database and the
// token by turns: each runs on a thread of this service, as plain code.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "coffer/v1/frame.pb.h"
#include "crypto/hsm.hpp"
#include "daemon/iam/directory_keeper.hpp"
#include "daemon/keys/audit_generations.hpp"
#include "daemon/keys/key_set.hpp"
#include "daemon/keys/retirement.hpp"
#include "daemon/keys/token_keys.hpp"
#include "daemon/secrets/authorization.hpp"
#include "daemon/secrets/master_keys.hpp"
#include "daemon/secrets/operation_set.hpp"
#include "daemon/secrets/page_token.hpp"
#include "storage/database.hpp"

namespace coffer::keys {

/// What the service works with; all must outlive it.
struct KeyServiceParts {
    secrets::NodeIdentity node;
    crypto::Hsm& hsm;
    storage::Database& database;
    const secrets::MasterKeys& master_keys;
    iam::DirectoryKeeper& principals;
    const secrets::PageTokens& page_tokens;
    const Clock& clock;
    /// Told after a change was committed: the keeper and the rewrap worker look at once.
    std::function<void()> changed;
};

/// Thread-safe.
class KeyService final : public secrets::OperationSet {
public:
    explicit KeyService(KeyServiceParts parts);
    ~KeyService() override;
    KeyService(const KeyService&) = delete;
    KeyService& operator=(const KeyService&) = delete;

    [[nodiscard]] bool has(v1::Request::OperationCase operation) const noexcept override;
    boost::asio::awaitable<void> perform(secrets::Call call, std::shared_ptr<const v1::Request> request,
                                         v1::Response& response) override;
    /// Waits for what is under way.
    void close();

private:
    using Context = const secrets::CallContext&;
    void answer(Context call, const v1::Request& request, v1::Response& response);

    // description.cpp
    v1::ListKeysResponse list_keys(Context call);
    v1::DescribeKeyResponse describe_key(Context call, const v1::DescribeKeyRequest& request);
    [[nodiscard]] v1::KeyMetadata summary(const storage::StoredMasterKeys& keys, const Uuid& key) const;
    void add_rewrap(storage::ReadTransaction& tx, const storage::StoredMasterKeys& keys, const Uuid& key,
                    v1::KeyMetadata& metadata) const;

    // generation_operations.cpp
    v1::CreateKeyResponse create_key(Context call, const v1::CreateKeyRequest& request);
    v1::RotateKeyOnDemandResponse rotate_key_on_demand(Context call,
                                                       const v1::RotateKeyOnDemandRequest& request);
    v1::EnableKeyRotationResponse enable_key_rotation(Context call,
                                                      const v1::EnableKeyRotationRequest& request);
    v1::DisableKeyRotationResponse disable_key_rotation(Context call,
                                                        const v1::DisableKeyRotationRequest& request);

    // retirement_operations.cpp
    v1::RetireKeyGenerationsResponse retire_key_generations(Context call,
                                                            const v1::RetireKeyGenerationsRequest& request);
    v1::ScheduleKeyDeletionResponse schedule_key_deletion(Context call,
                                                          const v1::ScheduleKeyDeletionRequest& request);
    v1::CancelKeyDeletionResponse cancel_key_deletion(Context call,
                                                      const v1::CancelKeyDeletionRequest& request);

    // token_key_operations.cpp
    [[nodiscard]] ToldAuditKeys load_audit_keys(Context call) const;
    [[nodiscard]] v1::KeyMetadata token_key_metadata(Context call, TokenKey key, bool with_rows) const;
    v1::DescribeKeyResponse describe_token_key(Context call, TokenKey key);
    v1::RotateKeyOnDemandResponse rotate_token_key(Context call, TokenKey key);
    v1::RetireKeyGenerationsResponse retire_token_key(Context call, TokenKey key,
                                                      const v1::RetireKeyGenerationsRequest& request);

    void destroy_token_key(Context call, TokenKey key, const std::vector<std::uint32_t>& generations,
                           v1::RetireKeyGenerationsResponse& response);

    // seal_key_operations.cpp
    [[nodiscard]] v1::KeyMetadata seal_key_metadata(Context call, bool with_rows) const;
    v1::RotateKeyOnDemandResponse rotate_seal_key(Context call);

    // seal_key_retirement.cpp
    v1::RetireKeyGenerationsResponse retire_seal_key(Context call,
                                                     const v1::RetireKeyGenerationsRequest& request);
    void reopen_reseal(Context call, const std::map<std::uint32_t, std::int64_t>& rows, std::uint32_t newest);

    // verify_operation.cpp
    v1::VerifyKeysResponse verify_keys(Context call, const v1::VerifyKeysRequest& request);

    // service.cpp
    void require(Context call, access::Action action, const std::string& arn) const;
    /// The key that a request names, after the caller was found to be allowed to do `action` to it. Throws
    /// access::AccessDenied, ServiceError (ResourceNotFoundException).
    [[nodiscard]] Uuid require_key(Context call, access::Action action, const storage::StoredMasterKeys& keys,
                                   const std::string& key_id) const;
    [[nodiscard]] storage::StoredMasterKeys load_keys(Context call) const;
    /// Changes the settings of a key under the lock of the set.
    void change_settings(Context call, const Uuid& key,
                         const std::function<void(storage::StoredMasterKeySettings&)>& edit);
    template <class T>
    [[nodiscard]] T read(Context call, UniqueFunction<T(storage::ReadTransaction&)> job) const;
    template <class T>
    [[nodiscard]] T write(Context call, UniqueFunction<T(storage::WriteTransaction&)> job);

    const KeyServiceParts parts_;
    const secrets::Authorization authorization_;
    boost::asio::thread_pool threads_;
};

}  // namespace coffer::keys
