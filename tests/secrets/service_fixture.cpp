#include "service_fixture.hpp"

#include <google/protobuf/descriptor.h>

#include <boost/json.hpp>
#include <chrono>

#include "daemon/audit/journal_reader.hpp"
#include "tests/support/rights.hpp"

namespace coffer::secrets {

namespace {

constexpr std::chrono::seconds kPatience{30};

Deadline patience() {
    return std::chrono::steady_clock::now() + kPatience;
}

}  // namespace

Node::Node(const std::string& name, const std::string& conninfo, crypto::Hsm& hsm,
           std::shared_ptr<CountingObserver> observer, const Clock& clock)
    : hsm_(hsm),
      name_(name),
      clock_(clock),
      observer_(std::move(observer)),
      seals_(std::make_shared<TokenSealKeeper>(hsm.seals())) {
    storage::DatabaseConfig config;
    config.conninfo = conninfo;
    config.connections = 4;
    config.changes_need_events = true;
    database_ = storage::Database::open(config, seals_, observer_);
    outbox_rows_ = std::make_shared<const OutboxRows>(
        std::make_shared<crypto::DerivedKeys>(hsm_.seals(), "audit-outbox", patience()), name_);
    const auto missing = verify_and_register_master_keys(
        hsm_, *database_, clock, leave_event(outbox_rows_, {kIdentity, name_, clock}), patience());
    if (!missing.empty()) throw std::runtime_error(missing.front());
    cache_ = std::make_unique<storage::SecretCache>(*database_, storage::CacheConfig{});
    accesses_ = std::make_unique<storage::AccessRecorder>(*database_, storage::AccessRecorderConfig{});
    master_keys_ = std::make_unique<MasterKeys>(hsm_, "main");
    page_tokens_ = std::make_unique<PageTokens>(
        std::make_shared<crypto::DerivedKeys>(hsm_.seals(), "page-tokens", patience()));
    make_service();
    open_audit();
    thread_ = std::jthread([this] { io_.run(); });
}

void Node::make_service() {
    service_ = std::make_unique<SecretsService>(ServiceParts{kIdentity, hsm_, *database_, *cache_, *accesses_,
                                                             *master_keys_, *page_tokens_, clock_,
                                                             rotation_functions_, principals_});
}

void Node::make_pipeline() {
    pipeline_ = std::make_unique<Pipeline>(*service_, observer_, others_, trail_.get());
}

void Node::serve_also(std::vector<OperationSet*> others) {
    others_ = std::move(others);
    make_pipeline();
}

void Node::rotate_with(RotationFunctions* functions) {
    rotation_functions_ = functions;
    pipeline_.reset();
    make_service();
    make_pipeline();
}

void Node::bind_with(const PrincipalDirectory* principals) {
    principals_ = principals;
    pipeline_.reset();
    make_service();
    make_pipeline();
}

void Node::open_audit() {
    audit::JournalConfig config;
    config.directory = folder_.sub("audit");
    config.node = name_;
    config.reserve_bytes = 0;
    journal_ = audit::Journal::open(config, nullptr, nullptr, clock_);
    OutboxEvents events;
    events.forged = [this](const std::vector<Uuid>& ids) {
        observer_->forged_events += static_cast<int>(ids.size());
    };
    events.replayed = [this](const std::vector<Uuid>& ids) {
        observer_->replayed_events += static_cast<int>(ids.size());
    };
    events.forged_of_others = [this](const std::vector<Uuid>& ids) {
        // Each node tells, and all have one observer.
        if (name_ == "node-1") observer_->forged_of_others += static_cast<int>(ids.size());
    };
    events.left_by_other = [this](const std::string& node, std::size_t count) {
        if (name_ == "node-1" && node == "away") observer_->left_by_away += static_cast<int>(count);
    };
    events.caught_up = [](std::size_t) {};
    events.failed = [](const std::string&) {};
    outbox_ = std::make_unique<ChangeOutbox>(*database_, *journal_, *outbox_rows_, std::move(events),
                                             std::chrono::milliseconds(500));
    outbox_->open(patience());
    trail_ = std::make_unique<AuditTrail>(*journal_, *outbox_, *outbox_rows_,
                                          EventMaker(kIdentity, name_, clock_));
    make_pipeline();
}

void Node::restart_audit(const std::function<void()>& meanwhile) {
    pipeline_.reset();
    trail_.reset();
    outbox_.reset();
    journal_.reset();
    meanwhile();
    open_audit();
}

std::vector<boost::json::object> Node::events() const {
    std::vector<boost::json::object> events;
    audit::JournalReader reader(journal_->directory());
    while (const auto record = reader.next(journal_->status().sequence)) {
        if (record->kind != audit::RecordKind::event) continue;
        auto event = boost::json::parse(record->json).as_object();
        if (event.at("eventSource").as_string() != "audit.coffer") events.push_back(std::move(event));
    }
    return events;
}

Node::~Node() {
    work_.reset();
    io_.stop();
    if (thread_.joinable()) thread_.join();
}

v1::Response Node::answer(const google::protobuf::Message& message, const std::string& principal) {
    auto request = std::make_unique<v1::Request>();
    request->set_id(1);
    const auto* descriptor = v1::Request::descriptor();
    for (int i = 0; i < descriptor->field_count(); ++i) {
        const auto* field = descriptor->field(i);
        if (field->message_type() != message.GetDescriptor()) continue;
        request->GetReflection()->MutableMessage(request.get(), field)->CopyFrom(message);
    }
    CallContext context{{principal, "test", "127.0.0.1"}, patience(), Uuid::random().text(), ""};
    const auto rights = rights_.find(principal);
    context.caller.rights =
        rights == rights_.end() ? test::usual_rights(principal, kIdentity.account) : rights->second;
    return boost::asio::co_spawn(io_, pipeline_->answer(std::move(context), std::move(request)),
                                 boost::asio::use_future)
        .get();
}

}  // namespace coffer::secrets
