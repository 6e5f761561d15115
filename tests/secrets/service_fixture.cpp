#include "service_fixture.hpp"

#include <google/protobuf/descriptor.h>

#include <chrono>

namespace coffer::secrets {

namespace {

constexpr std::chrono::seconds kPatience{30};

Deadline patience() {
    return std::chrono::steady_clock::now() + kPatience;
}

}  // namespace

Node::Node(const std::string& conninfo, crypto::Hsm& hsm, std::shared_ptr<CountingObserver> observer,
           const Clock& clock)
    : hsm_(hsm), seals_(std::make_shared<TokenSealKeeper>(hsm.seals())) {
    storage::DatabaseConfig config;
    config.conninfo = conninfo;
    config.connections = 4;
    database_ = storage::Database::open(config, seals_, observer);
    const auto missing = verify_and_register_master_keys(hsm_, *database_, clock, {}, patience());
    if (!missing.empty()) throw std::runtime_error(missing.front());
    cache_ = std::make_unique<storage::SecretCache>(*database_, storage::CacheConfig{});
    accesses_ = std::make_unique<storage::AccessRecorder>(*database_, storage::AccessRecorderConfig{});
    master_keys_ = std::make_unique<MasterKeys>(hsm_, "main");
    page_tokens_ =
        std::make_unique<PageTokens>(wait_for<crypto::SecretBytes>([&](Completion<crypto::SecretBytes> done) {
            hsm_.seals().derive("page-tokens", JobOptions{Priority::write, patience()}, std::move(done));
        }));
    service_ = std::make_unique<SecretsService>(
        ServiceParts{kIdentity, hsm_, *database_, *cache_, *accesses_, *master_keys_, *page_tokens_, clock});
    pipeline_ = std::make_unique<Pipeline>(*service_, std::move(observer));
    thread_ = std::jthread([this] { io_.run(); });
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
    context.caller.rights = rights == rights_.end() ? administrators_.rights_of(principal) : rights->second;
    return boost::asio::co_spawn(io_, pipeline_->answer(std::move(context), std::move(request)),
                                 boost::asio::use_future)
        .get();
}

}  // namespace coffer::secrets
