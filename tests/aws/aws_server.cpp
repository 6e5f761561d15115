#include "aws_server.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>

#include "daemon/aws/sigv4_canonical.hpp"
#include "daemon/aws/sigv4_keys.hpp"
#include "daemon/aws/sigv4_time.hpp"
#include "daemon/base/await.hpp"

namespace coffer::testing {

namespace asio = boost::asio;
namespace http = boost::beast::http;

// ---- credentials -----------------------------------------------------------------------------------------

TestCredentials::TestCredentials() = default;

asio::awaitable<iam::Credential> TestCredentials::find(std::string access_key_id,
                                                       std::optional<std::string> session_token,
                                                       Deadline /*deadline*/) {
    if (session_token == "slow") {
        const auto start = [this](Completion<Done> completion) { gate.pass(std::move(completion)); };
        co_await await_completion<Done>(start);
        session_token.reset();
    }
    const std::lock_guard lock(mutex_);
    if (away_) throw Unavailable("the token is away");
    iam::Credential credential;
    credential.access_key_id = access_key_id;
    credential.state =
        access_key_id == kAccessKeyId ? iam::CredentialState::good : iam::CredentialState::unknown;
    if (session_token) {
        const auto found = tokens_.find(*session_token);
        credential.state = found == tokens_.end() ? iam::CredentialState::unknown : found->second;
    }
    if (access_key_id == kInactiveKeyId) credential.fault = iam::CredentialFault::inactive_key;
    credential.exists = access_key_id == kAccessKeyId || access_key_id == kInactiveKeyId;
    if (!credential.exists) credential.fault = iam::CredentialFault::no_such_key;
    if (session_token && credential.state == iam::CredentialState::unknown) {
        credential.fault = iam::CredentialFault::wrong_token;
    }
    const bool known = credential.state != iam::CredentialState::unknown;
    credential.secret = std::make_shared<const crypto::SecretBytes>(
        crypto::SecretBytes::copy_of(known ? kSecretAccessKey : std::string_view("made up")));
    if (credential.state == iam::CredentialState::good) {
        auto rights = std::make_shared<access::Rights>();
        rights->principal.arn = "arn:aws:iam::111122223333:user/bob";
        credential.rights = rights;
    }
    co_return credential;
}

void TestCredentials::used(const iam::Credential& credential, std::string_view service,
                           std::string_view region) {
    const std::lock_guard lock(mutex_);
    uses_.push_back(credential.access_key_id + " " + std::string(service) + " " + std::string(region));
}

void TestCredentials::set_token(const std::string& token, iam::CredentialState state) {
    const std::lock_guard lock(mutex_);
    tokens_[token] = state;
}

void TestCredentials::set_away(bool away) {
    const std::lock_guard lock(mutex_);
    away_ = away;
}

std::vector<std::string> TestCredentials::uses() const {
    const std::lock_guard lock(mutex_);
    return uses_;
}

// ---- the server ------------------------------------------------------------------------------------------

AwsServer::AwsServer(TestServerOptions options, std::size_t strangers_bytes_max) {
    door_ = std::make_shared<aws::FrontDoor>(
        std::string(kRegion), clock, credentials,
        [this](secrets::CallContext context, std::unique_ptr<v1::Request> request) {
            return handle(std::move(context), std::move(request));
        });
    options.protocol = server::ListenerProtocol::aws;
    options.aws_connections = aws::http_connections(door_, strangers_bytes_max);
    server_ = std::make_unique<TestServer>(options);
}

/// GetSecretValue answers with the id as the name; "wait" waits at the gate first, "missing" is not found,
/// "throw" throws, "big" has 60,000 characters. AssumeRoleWithWebIdentity takes the token "good"; others are
/// names of errors.
asio::awaitable<v1::Response> AwsServer::handle(secrets::CallContext context,
                                                std::unique_ptr<v1::Request> request) {
    seen.add(context);
    v1::Response response;
    if (request->has_get_caller_identity()) {
        response.mutable_get_caller_identity()->set_account("111122223333");
        co_return response;
    }
    if (request->has_assume_role_with_web_identity()) {
        const auto& token = request->assume_role_with_web_identity().web_identity_token();
        if (token == "good") {
            response.mutable_assume_role_with_web_identity()->set_audience("build");
            co_return response;
        }
        v1::ErrorCode code{};
        if (!v1::ErrorCode_Parse(token, &code)) throw std::runtime_error("no such error");
        response.mutable_error()->set_code(code);
        response.mutable_error()->set_message("because");
        co_return response;
    }
    if (!request->has_get_secret_value()) {
        response.mutable_tag_resource();
        co_return response;
    }
    const std::string id = request->get_secret_value().secret_id();
    if (id == "throw") throw std::runtime_error("as asked");
    if (id == "wait") {
        const auto start = [this](Completion<Done> completion) { gate.pass(std::move(completion)); };
        co_await await_completion<Done>(start);
    }
    if (id == "missing") {
        response.mutable_error()->set_code(v1::RESOURCE_NOT_FOUND);
        response.mutable_error()->set_message("Secrets Manager can't find the specified secret.");
        co_return response;
    }
    response.mutable_get_secret_value()->set_name(id);
    if (id == "big") response.mutable_get_secret_value()->set_secret_string(std::string(60'000, 'x'));
    co_return response;
}

std::string AwsServer::sign(const ClientRequest& request) const {
    const auto time = aws::basic_time(clock.now());
    auto headers = request.headers;
    headers.emplace_back("Host", "localhost:8443");
    headers.emplace_back("X-Amz-Date", time);
    if (!request.operation.empty()) headers.emplace_back("X-Amz-Target", request.operation);
    if (!request.token.empty()) headers.emplace_back("X-Amz-Security-Token", request.token);
    std::vector<aws::HttpHeader> views;
    std::vector<std::string> names;
    for (const auto& [name, value] : headers) {
        views.push_back({name, value});
        std::string lower = name;
        std::ranges::transform(lower, lower.begin(), aws::lower_ascii);
        // What is sent besides belongs to the connection and is not signed by any client.
        if (lower == "host" || lower.starts_with("x-amz-")) names.push_back(lower);
    }
    std::ranges::sort(names);
    const auto question = request.target.find('?');
    const auto query = question == std::string::npos ? std::string() : request.target.substr(question + 1);
    const auto path = request.target.substr(0, question);
    const aws::HttpRequestView view{request.method, path, query, views, as_bytes(request.body)};
    const auto canonical =
        aws::canonical_request(view, aws::parse_query(query), names, aws::sha256_hex(as_bytes(request.body)));
    const aws::KeyScope scope{request.access_key_id, time.substr(0, 8), request.region, request.service};
    const auto key = aws::derive_signing_key(as_bytes(request.secret), scope);
    const auto credential = scope.date + "/" + scope.region + "/" + scope.service + "/aws4_request";
    const auto mac = aws::hmac_sha256(key.view(), "AWS4-HMAC-SHA256\n" + time + "\n" + credential + "\n" +
                                                      aws::sha256_hex(as_bytes(canonical)));
    std::string list;
    for (const auto& name : names) list += (list.empty() ? "" : ";") + name;
    const auto& body = request.other_body.value_or(request.body);
    std::string bytes = request.method + " " + request.target + " " + request.version + "\r\n";
    for (const auto& [name, value] : headers) bytes += name + ": " + value + "\r\n";
    bytes += "Authorization: AWS4-HMAC-SHA256 Credential=" + request.access_key_id + "/" + credential +
             ", SignedHeaders=" + list + ", Signature=" + to_hex(mac.view()) + "\r\n";
    return bytes + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// ---- requests and answers ---------------------------------------------------------------------------------

std::string error_of(const HttpResponse& response) {
    return std::to_string(response.result_int()) + " " + response.body();
}

ClientRequest sts_request() {
    ClientRequest request;
    request.operation = "";
    request.body = "Action=GetCallerIdentity&Version=2011-06-15";
    request.service = "sts";
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
    return request;
}

std::string unsigned_request(const std::string& form, const std::string& headers) {
    return "POST / HTTP/1.1\r\nHost: localhost:8443\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
           headers + "Content-Length: " + std::to_string(form.size()) + "\r\n\r\n" + form;
}

std::string web_identity(const std::string& token) {
    return "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%"
           "3Arole%2Fapp"
           "&RoleSessionName=s1&WebIdentityToken=" +
           token;
}

// ---- the client ------------------------------------------------------------------------------------------

HttpsClient::HttpsClient(TestServer& server, const Options& options)
    : context_(asio::ssl::context::tls_client), stream_(io_, context_) {
    SSL* ssl = stream_.native_handle();
    if (options.tls_version_max != 0) SSL_set_max_proto_version(ssl, options.tls_version_max);
    if (options.identity != nullptr) {
        SSL_use_certificate(ssl, options.identity->certificate.get());
        SSL_use_PrivateKey(ssl, options.identity->key.get());
    }
    const asio::ip::tcp::endpoint endpoint(asio::ip::make_address("127.0.0.1"), server.port());
    stream_.next_layer().open(endpoint.protocol());
    if (options.receive_buffer > 0) {
        stream_.next_layer().set_option(asio::socket_base::receive_buffer_size(options.receive_buffer));
    }
    stream_.next_layer().connect(endpoint);
    stream_.handshake(asio::ssl::stream_base::client);
}

HttpsClient::~HttpsClient() = default;

void HttpsClient::send(std::string_view bytes) {
    asio::write(stream_, asio::buffer(bytes));
}

HttpResponse HttpsClient::receive() {
    HttpResponse response;
    http::read(stream_, buffer_, response);
    return response;
}

bool HttpsClient::is_ended() {
    boost::system::error_code error;
    std::array<char, 256> bytes{};
    const auto size = stream_.read_some(asio::buffer(bytes), error);
    return size == 0 && error;
}

}  // namespace coffer::testing
