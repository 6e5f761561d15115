#pragma once
// The operations on principals, as the pipeline calls them. Reading is answered from this node's directory; a
// change is made on what the database has at that moment, with the manifest locked, decided anew there, and
// is in force on this node before it is answered.

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "daemon/base/time.hpp"
#include "daemon/iam/access_key_secrets.hpp"
#include "daemon/iam/directory_keeper.hpp"
#include "daemon/iam/node_facts.hpp"
#include "daemon/secrets/operation_set.hpp"
#include "storage/database.hpp"

namespace coffer::iam {

/// Thread-safe.
class IamService final : public secrets::OperationSet {
public:
    /// All must outlive it.
    IamService(storage::Database& database, DirectoryKeeper& keeper, AccessKeySecrets& access_key_secrets,
               const Clock& clock, NodeFacts node)
        : database_(database),
          keeper_(keeper),
          access_key_secrets_(access_key_secrets),
          clock_(clock),
          node_(std::move(node)) {}

    [[nodiscard]] bool has(v1::Request::OperationCase operation) const noexcept override;
    boost::asio::awaitable<void> perform(secrets::Call call, std::shared_ptr<const v1::Request> request,
                                         v1::Response& response) override;

private:
    boost::asio::awaitable<void> ask(secrets::Call call, std::shared_ptr<const v1::Request> request,
                                     v1::Response& response);
    boost::asio::awaitable<void> change(secrets::Call call, std::shared_ptr<const v1::Request> request,
                                        v1::Response& response);

    storage::Database& database_;
    DirectoryKeeper& keeper_;
    AccessKeySecrets& access_key_secrets_;
    const Clock& clock_;
    const NodeFacts node_;
};

}  // namespace coffer::iam
