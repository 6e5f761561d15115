#include "test_server.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <stdexcept>

#include "daemon/base/await.hpp"
#include "daemon/server/request_observer.hpp"

namespace coffer::testing {

namespace asio = boost::asio;

void Gate::pass(Completion<Done> completion) {
    std::unique_lock lock(mutex_);
    if (!open_) {
        waiting_.push_back(std::move(completion));
        return;
    }
    lock.unlock();
    completion(Done{});
}

void Gate::open() {
    std::vector<Completion<Done>> ready;
    {
        const std::lock_guard lock(mutex_);
        open_ = true;
        ready.swap(waiting_);
    }
    for (auto& completion : ready) completion(Done{});
}

std::size_t Gate::waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
}

void Seen::add(secrets::CallContext context) {
    const std::lock_guard lock(mutex_);
    contexts_.push_back(std::move(context));
}

std::vector<secrets::CallContext> Seen::all() const {
    const std::lock_guard lock(mutex_);
    return contexts_;
}

server::PkeyPtr load_test_key(const std::string& file, X509* /*certificate*/) {
    const std::unique_ptr<BIO, void (*)(BIO*)> bio(BIO_new_file(file.c_str(), "r"),
                                                   [](BIO* b) { BIO_free(b); });
    server::PkeyPtr key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr) : nullptr);
    if (!key) throw server::TlsSetupError("the key file " + file + " holds no key");
    return key;
}

void Refused::refused(const secrets::Refusal& refusal) noexcept {
    const std::lock_guard lock(mutex_);
    const char* kind = refusal.kind == secrets::RefusedKind::request      ? "request"
                       : refusal.kind == secrets::RefusedKind::connection ? "connection"
                                                                          : "handshake";
    lines_.push_back(std::string(kind) + " " + std::string(refusal.code) + " " + refusal.caller.principal);
    causes_.push_back(std::string(refusal.cause) + " key " + refusal.caller.access_key_id + " unknown " +
                      std::string(refusal.unknown_access_key_id));
}

std::vector<std::string> Refused::causes() const {
    const std::lock_guard lock(mutex_);
    return causes_;
}

std::vector<std::string> Refused::all() const {
    const std::lock_guard lock(mutex_);
    return lines_;
}

void wait_until(const std::function<bool()>& condition) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until) {
            FAIL() << "what was waited for did not come";
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

template <class F>
auto TestServer::on_control(F f) {
    std::promise<decltype(f())> promise;
    auto result = promise.get_future();
    asio::post(control_, [&] { promise.set_value(f()); });
    return result.get();
}

TestServer::TestServer(const TestServerOptions& options) {
    CertificateSpec server_spec;
    server_spec.common_names = {"localhost"};
    server_spec.alternative_names = {{GEN_DNS, "localhost"}};
    server_spec.extended_key_usage = "serverAuth";
    const Identity own = server_ca.issue(server_spec);
    CertificateSpec alice_spec;
    alice_spec.common_names = {"alice"};
    alice = client_ca.issue(alice_spec);

    write_private(folder.path() / "server.pem", pem_of(own.certificate.get()));
    write_private(folder.path() / "server.key", pem_of(own.key.get()));
    write_private(folder.path() / "clients.pem", pem_of(client_ca.certificate()));
    write_private(folder.path() / "clients.crl", client_ca.crl({}, options.crl_valid_until_s));

    server::LogConfig quiet;
    quiet.level = server::LogLevel::error;
    log = std::make_shared<server::Log>(quiet);
    context_ = std::make_shared<server::ServerContext>();
    context_->handler = [this](secrets::CallContext context, std::unique_ptr<v1::Request> request) {
        return handle(std::move(context), std::move(request));
    };
    context_->aws_connections = options.aws_connections;
    context_->refusals = &turned_away;
    context_->metrics = std::make_shared<server::Metrics>("test");
    context_->log = log;
    context_->observer =
        std::make_shared<server::RequestRecorder>(context_->metrics, log, server::RequestLog::none);
    context_->principals = std::make_shared<server::PrincipalLimits>(
        options.limits.connections_per_principal, options.limits.requests_per_second_per_principal);
    context_->strangers =
        std::make_shared<server::PrincipalLimits>(0, options.limits.unsigned_requests_per_second_per_address);
    context_->stranger_lines = std::make_shared<server::TokenBucket>(1, 1);
    context_->limits = options.limits;
    context_->account = "111122223333";
    context_->region = "eu-test-1";
    context_->software = "cofferd/test";

    server::ListenerConfig listener;
    listener.name = "inner";
    listener.protocol = options.protocol;
    listener.address = options.address;
    listener.max_connections = options.listener_max_connections;
    listener.allowed_networks = options.allowed_networks;
    if (!options.policy.empty()) {
        listener.policy = folder.path() / "policy.json";
        write_private(listener.policy, options.policy);
    }
    listener.tls = {
        folder.path() / "server.pem", folder.path() / "server.key", {folder.path() / "clients.pem"}, {}};
    if (options.with_crl) listener.tls.crl = {folder.path() / "clients.crl"};
    shards_ = std::make_unique<server::IoShards>(options.io_threads, std::chrono::milliseconds(40));
    server_ =
        std::make_unique<server::Server>(control_, *shards_, std::vector{listener}, context_, load_test_key);
    port_ = server_->listeners().front()->port();
    thread_ = std::thread([this] { control_.run(); });
    on_control([this] { return server_->start(), 0; });
}

TestServer::~TestServer() {
    work_.reset();
    control_.stop();
    thread_.join();
    shards_->stop();
    // Handlers that still wait must not find their io_context gone.
    gate.open();
    server_.reset();
    shards_.reset();
}

ClientOptions TestServer::client(const Identity& identity) const {
    ClientOptions options;
    options.port = port_;
    options.ca = server_ca.certificate();
    options.identity = &identity;
    return options;
}

bool TestServer::reload() {
    return on_control([this] { return server_->reload(); });
}

bool TestServer::revoke(const std::vector<const X509*>& revoked) {
    write_private(folder.path() / "clients.crl", client_ca.crl(revoked));
    return reload();
}

std::future<void> TestServer::drain(std::chrono::milliseconds patience) {
    return asio::co_spawn(control_, server_->drain(patience), asio::use_future);
}

void TestServer::wait_for_connections(std::size_t count) const {
    wait_until([&] { return connections() == count; });
}

asio::awaitable<v1::Response> TestServer::handle(secrets::CallContext context,
                                                 std::unique_ptr<v1::Request> request) {
    const std::string name = request->get_secret_value().secret_id();
    seen.add(context);
    if (name == "throw") throw std::runtime_error("as asked");
    if (name.starts_with("wait/")) {
        const auto start = [this](Completion<Done> completion) { gate.pass(std::move(completion)); };
        co_await await_completion<Done>(start);
    }
    v1::Response response;
    response.set_request_id(context.request_id);
    response.mutable_get_secret_value()->set_name(name);
    if (name.starts_with("big/")) {
        response.mutable_get_secret_value()->set_secret_string(std::string(std::stoul(name.substr(4)), 'x'));
    }
    co_return response;
}

}  // namespace coffer::testing
