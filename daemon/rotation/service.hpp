#pragma once
// Rotations seen and steered: the operations of rotation.proto.

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <string>

#include "coffer/v1/rotation.pb.h"
#include "daemon/rotation/workers.hpp"
#include "daemon/secrets/authorization.hpp"
#include "daemon/secrets/operation_set.hpp"
#include "daemon/secrets/page_token.hpp"
#include "daemon/secrets/secret_ref.hpp"

namespace coffer::rotation {

/// Thread-safe. The coroutines do not block; targets are asked on threads of the service's own.
class RotationService final : public secrets::OperationSet {
public:
    /// All must outlive it.
    RotationService(Workers& workers, const secrets::PageTokens& page_tokens, secrets::NodeIdentity node)
        : workers_(workers),
          parts_(workers.parts()),
          page_tokens_(page_tokens),
          node_(std::move(node)),
          authorization_(parts_.clock) {}
    ~RotationService() override;

    [[nodiscard]] bool has(v1::Request::OperationCase operation) const noexcept override;
    [[nodiscard]] bool for_operators() const noexcept override { return false; }
    boost::asio::awaitable<void> perform(secrets::Call call, std::shared_ptr<const v1::Request> request,
                                         v1::Response& response) override;

private:
    template <class T>
    using Awaitable = boost::asio::awaitable<T>;
    using Secret = std::shared_ptr<const storage::StoredSecret>;

    Awaitable<v1::ListRotationFunctionsResponse> list_rotation_functions(
        secrets::Call call, v1::ListRotationFunctionsRequest request);
    Awaitable<v1::ListRotationsResponse> list_rotations(secrets::Call call, v1::ListRotationsRequest request);
    Awaitable<v1::GetRotationResponse> get_rotation(secrets::Call call, v1::GetRotationRequest request);
    Awaitable<v1::RetryRotationResponse> retry_rotation(secrets::Call call, v1::RetryRotationRequest request);
    Awaitable<v1::AbandonRotationResponse> abandon_rotation(secrets::Call call,
                                                            v1::AbandonRotationRequest request);
    Awaitable<v1::AcknowledgeRotationResponse> acknowledge_rotation(secrets::Call call,
                                                                    v1::AcknowledgeRotationRequest request);
    Awaitable<v1::PauseRotationsResponse> pause_rotations(secrets::Call call,
                                                          v1::PauseRotationsRequest request);
    Awaitable<v1::ResumeRotationsResponse> resume_rotations(secrets::Call call,
                                                            v1::ResumeRotationsRequest request);
    Awaitable<v1::CheckRotationResponse> check_rotation(secrets::Call call, v1::CheckRotationRequest request);

    /// The secret that the caller names and may do `action` to. Throws AccessDenied before it says whether
    /// there is one.
    Awaitable<Secret> require_secret(secrets::Call call, std::string secret_id, access::Action action,
                                     secrets::Facts facts);
    /// The same, of a secret whose rotation was configured.
    Awaitable<Secret> require_rotating(secrets::Call call, std::string secret_id, access::Action action);
    Awaitable<void> set_paused(secrets::Call call, std::string secret_id, access::Action action, bool paused);
    Awaitable<v1::Rotation> rotation_of(secrets::Call call, Secret secret);
    [[nodiscard]] v1::CheckRotationResponse check_now(const storage::StoredSecret& secret,
                                                      const v1::CheckRotationRequest& request,
                                                      Deadline deadline) const;
    template <class T>
    Awaitable<T> read(secrets::Call call, UniqueFunction<T(storage::ReadTransaction&)> job);
    template <class T>
    Awaitable<T> write(secrets::Call call, UniqueFunction<T(storage::WriteTransaction&)> job);

    Workers& workers_;
    const RotationParts& parts_;
    const secrets::PageTokens& page_tokens_;
    const secrets::NodeIdentity node_;
    const secrets::Authorization authorization_;
    std::atomic<int> checks_waiting_ = 0;
    std::atomic<bool> ends_ = false;
    boost::asio::thread_pool checks_{2};
};

}  // namespace coffer::rotation
