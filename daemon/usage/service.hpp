#pragma once
// GetUsage and ListUnusedSecrets.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>

#include "daemon/base/time.hpp"
#include "daemon/secrets/authorization.hpp"
#include "daemon/secrets/operation_set.hpp"
#include "daemon/usage/report.hpp"
#include "storage/database.hpp"

namespace coffer::usage {

/// Thread-safe.
class UsageService final : public secrets::OperationSet {
public:
    /// `database` and `clock` must outlive it. Without `prices` answers have no costs.
    UsageService(storage::Database& database, const Clock& clock, std::optional<Prices> prices)
        : database_(database), clock_(clock), authorization_(clock), prices_(std::move(prices)) {}

    [[nodiscard]] bool has(v1::Request::OperationCase operation) const noexcept override;
    boost::asio::awaitable<void> perform(secrets::Call call, std::shared_ptr<const v1::Request> request,
                                         v1::Response& response) override;

private:
    boost::asio::awaitable<v1::GetUsageResponse> get_usage(secrets::Call call, v1::GetUsageRequest request);
    boost::asio::awaitable<v1::ListUnusedSecretsResponse> list_unused_secrets(
        secrets::Call call, v1::ListUnusedSecretsRequest request);
    void require(const secrets::CallContext& call, access::Action action) const;
    template <class T>
    boost::asio::awaitable<T> read(secrets::Call call, UniqueFunction<T(storage::ReadTransaction&)> job);

    storage::Database& database_;
    const Clock& clock_;
    const secrets::Authorization authorization_;
    const std::optional<Prices> prices_;
};

}  // namespace coffer::usage
