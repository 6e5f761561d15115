#pragma once
// The service over a real token and a real PostgreSQL, called through the pipeline as a front door does.

#include <google/protobuf/message.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json/object.hpp>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "audit_fixture.hpp"
#include "crypto/hsm.hpp"
#include "daemon/audit/journal.hpp"
#include "daemon/secrets/audit_trail.hpp"
#include "daemon/secrets/pipeline.hpp"
#include "daemon/secrets/service.hpp"
#include "daemon/secrets/token_seal_keeper.hpp"
#include "proto/names.hpp"
#include "storage/migrations.hpp"
#include "tests/support/postgres.hpp"
#include "tests/support/tokens.hpp"

namespace coffer::secrets {

/// Stands still until it is told to move.
class TestClock final : public Clock {
public:
    [[nodiscard]] Timestamp now() const override { return Timestamp::from_millis(now_.load()); }
    void advance(std::chrono::milliseconds by) { now_ += by.count(); }

private:
    std::atomic<std::int64_t> now_ = 1'790'000'000'123;
};

/// An error response, thrown by Appliance::call.
class CallError : public std::runtime_error {
public:
    explicit CallError(const v1::Error& error)
        : std::runtime_error(std::string(proto::error_name(error.code())) + ": " + error.message()),
          error_(error) {}
    [[nodiscard]] const v1::Error& error() const noexcept { return error_; }

private:
    v1::Error error_;
};

/// Counts what operators would be told.
class CountingObserver final : public RequestObserver,
                               public storage::DatabaseObserver,
                               public crypto::HsmObserver {
public:
    void request_done(const CallContext&, v1::Request::OperationCase, v1::ErrorCode,
                      std::string_view internal, std::chrono::nanoseconds) override {
        if (internal.empty()) return;
        const std::lock_guard lock(mutex_);
        last_internal_ = internal;
    }
    void part_failed(const CallContext&, v1::ErrorCode, std::string_view) override { ++failed_parts; }
    void integrity_failure(const CallContext&, std::string_view) override { ++request_integrity_failures; }
    void reachable_changed(bool, std::string) override {}
    void readiness_changed(bool, std::string) override {}
    void recovered(std::string, std::string, unsigned long) override { ++recoveries; }
    void job_done(std::chrono::nanoseconds, std::chrono::nanoseconds) override {}
    void integrity_failure(std::string) override { ++stored_integrity_failures; }
    /// The inner reason of the last failure that had one.
    [[nodiscard]] std::string last_internal() const {
        const std::lock_guard lock(mutex_);
        return last_internal_;
    }

    std::atomic<int> request_integrity_failures = 0;
    std::atomic<int> failed_parts = 0;
    std::atomic<int> stored_integrity_failures = 0;
    std::atomic<int> recoveries = 0;
    std::atomic<int> forged_events = 0;
    std::atomic<int> replayed_events = 0;
    std::atomic<int> forged_of_others = 0;
    std::atomic<int> left_by_away = 0;

private:
    mutable std::mutex mutex_;
    std::string last_internal_;
};

/// One node: everything that main.cpp wires, without the listener. Nodes of one process share the token,
/// since a module is initialized once for a process.
class Node {
public:
    /// `name` is the node's own.
    Node(const std::string& name, const std::string& conninfo, crypto::Hsm& hsm,
         std::shared_ptr<CountingObserver> observer, const Clock& clock);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    /// Answers `request` as `principal`: "admin" and "other-admin" may do everything, others what
    /// set_rights() says. Throws CallError for an error response.
    template <class Request>
    auto call(const Request& request, const std::string& principal = "admin");

    /// From now on `principal` calls with these rights.
    void set_rights(const std::string& principal, access::RightsPtr rights) {
        rights_[principal] = std::move(rights);
    }

    /// From now on RotateSecret knows the functions of `functions`, which must outlive the node's requests.
    void rotate_with(RotationFunctions* functions);
    /// From now on policies mean those of `principals`, which must outlive the node; null: none.
    void bind_with(const PrincipalDirectory* principals);

    /// From now on requests of these operations are answered as well. `others` must outlive them.
    void serve_also(std::vector<OperationSet*> others);

    [[nodiscard]] storage::Database& database() { return *database_; }
    [[nodiscard]] const MasterKeys& master_keys() const { return *master_keys_; }
    [[nodiscard]] const PageTokens& page_tokens() const { return *page_tokens_; }
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] crypto::Hsm& hsm() { return hsm_; }
    [[nodiscard]] audit::Journal& journal() { return *journal_; }
    [[nodiscard]] AuditTrail& trail() { return *trail_; }
    [[nodiscard]] const OutboxRows& rows() const { return *outbox_rows_; }

    /// Stops the node as far as its audit journal is concerned, does `meanwhile`, and opens that again.
    void restart_audit(const std::function<void()>& meanwhile = [] {});
    /// All events of the journal, oldest first, as JSON.
    [[nodiscard]] std::vector<boost::json::object> events() const;

    static inline const NodeIdentity kIdentity{"eu-test-1", "111122223333"};

private:
    v1::Response answer(const google::protobuf::Message& request, const std::string& principal);
    void open_audit();
    void make_service();
    void make_pipeline();

    boost::asio::io_context io_;  ///< destroyed last: threads of those below complete into it
    crypto::Hsm& hsm_;
    const std::string name_;
    const Clock& clock_;
    const std::shared_ptr<CountingObserver> observer_;
    testing::AuditFolder folder_;
    std::shared_ptr<const OutboxRows> outbox_rows_;
    std::shared_ptr<TokenSealKeeper> seals_;
    std::unique_ptr<storage::Database> database_;
    std::unique_ptr<storage::SecretCache> cache_;
    std::unique_ptr<storage::AccessRecorder> accesses_;
    std::unique_ptr<MasterKeys> master_keys_;
    std::unique_ptr<PageTokens> page_tokens_;
    std::map<std::string, access::RightsPtr> rights_;
    RotationFunctions* rotation_functions_ = nullptr;
    const PrincipalDirectory* principals_ = nullptr;
    std::vector<OperationSet*> others_;
    std::unique_ptr<SecretsService> service_;
    std::unique_ptr<audit::Journal> journal_;
    std::unique_ptr<ChangeOutbox> outbox_;
    std::unique_ptr<AuditTrail> trail_;
    std::unique_ptr<Pipeline> pipeline_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
    std::jthread thread_;
};

/// The response message that goes with a request message, by the name of its operation.
template <class Request>
struct ResponseOf;
#define COFFER_RESPONSE_OF(Operation)           \
    template <>                                 \
    struct ResponseOf<v1::Operation##Request> { \
        using Type = v1::Operation##Response;   \
    };
COFFER_RESPONSE_OF(CreateSecret)
COFFER_RESPONSE_OF(GetSecretValue)
COFFER_RESPONSE_OF(BatchGetSecretValue)
COFFER_RESPONSE_OF(PutSecretValue)
COFFER_RESPONSE_OF(UpdateSecret)
COFFER_RESPONSE_OF(UpdateSecretVersionStage)
COFFER_RESPONSE_OF(DescribeSecret)
COFFER_RESPONSE_OF(ListSecrets)
COFFER_RESPONSE_OF(ListSecretVersionIds)
COFFER_RESPONSE_OF(DeleteSecret)
COFFER_RESPONSE_OF(RestoreSecret)
COFFER_RESPONSE_OF(TagResource)
COFFER_RESPONSE_OF(UntagResource)
COFFER_RESPONSE_OF(GetRandomPassword)
COFFER_RESPONSE_OF(PutResourcePolicy)
COFFER_RESPONSE_OF(GetResourcePolicy)
COFFER_RESPONSE_OF(DeleteResourcePolicy)
COFFER_RESPONSE_OF(ValidateResourcePolicy)
COFFER_RESPONSE_OF(ReplicateSecretToRegions)
COFFER_RESPONSE_OF(RotateSecret)
COFFER_RESPONSE_OF(CancelRotateSecret)
COFFER_RESPONSE_OF(ListDamagedSecrets)
COFFER_RESPONSE_OF(DiscardDamagedSecret)
#undef COFFER_RESPONSE_OF

template <class Request>
auto Node::call(const Request& request, const std::string& principal) {
    using Answer = typename ResponseOf<Request>::Type;
    const v1::Response response = answer(request, principal);
    if (response.has_error()) throw CallError(response.error());
    const auto* oneof = v1::Response::descriptor()->FindOneofByName("result");
    const auto* field = response.GetReflection()->GetOneofFieldDescriptor(response, oneof);
    Answer result;
    result.CopyFrom(response.GetReflection()->GetMessage(response, field));
    return result;
}

}  // namespace coffer::secrets
