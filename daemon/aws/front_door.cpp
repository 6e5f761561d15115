#include "daemon/aws/front_door.hpp"

#include <algorithm>

#include "daemon/aws/json_reader.hpp"
#include "daemon/aws/json_writer.hpp"
#include "daemon/aws/operations.hpp"
#include "proto/names.hpp"

namespace coffer::aws {

using boost::asio::awaitable;

namespace {

constexpr std::string_view kJsonType = "application/x-amz-json-1.1";
constexpr unsigned kNotFound = 404;
constexpr std::size_t kTraceIdMax = 128;
/// What Secrets Manager has; the SDKs correct clocks that are further away.
constexpr std::chrono::minutes kSecretsSkew{5};

constexpr std::string_view kUnknownClient = "The security token included in the request is invalid.";
constexpr std::string_view kExpiredToken = "The security token included in the request is expired";

ErrorAnswer own_error(v1::ErrorCode code, std::string message) {
    v1::Error error;
    error.set_code(code);
    error.set_message(std::move(message));
    return error_answer(error);
}

/// Of whoever may be a stranger: one line of visible characters, or nothing.
std::string trace_id_of(const HttpRequest& request) {
    const auto id = request.header("x-amzn-trace-id");
    const bool good =
        id.size() <= kTraceIdMax && std::ranges::all_of(id, [](char c) { return c >= ' ' && c <= '~'; });
    return good ? std::string(id) : std::string();
}

void require_root(const HttpRequestView& request) {
    if (request.path == "/" && request.method == "POST") return;
    throw RequestRefused(error_names::kUnknownOperation,
                         "Requests of this service are sent as POST to the path /", kNotFound);
}

}  // namespace

HttpAnswer json_error_answer(const ErrorAnswer& error) {
    HttpAnswer answer;
    answer.status = error.status;
    answer.content_type = kJsonType;
    write_json_error(error, answer.body->bytes());
    return answer;
}

awaitable<HttpAnswer> FrontDoor::answer(std::shared_ptr<const HttpRequest> request, Arrival arrived) {
    const auto arrival = std::make_shared<Arrival>(std::move(arrived));
    ErrorAnswer error;
    try {
        co_return co_await answer_json(std::move(request), arrival);
    } catch (const RequestRefused& refused) {
        error = error_answer(refused);
    } catch (const Overloaded&) {
        error = own_error(v1::THROTTLING, "Rate exceeded");
    } catch (const DeadlineExceeded&) {
        error = own_error(v1::DEADLINE_EXCEEDED, "The request was not answered before its deadline.");
    } catch (const Unavailable&) {
        error = own_error(v1::SERVICE_UNAVAILABLE,
                          "A part that the service needs is not available now. Try again.");
    }
    arrival->refused(error, arrival->caller);
    co_return json_error_answer(error);
}

awaitable<void> FrontDoor::authenticate(std::shared_ptr<const HttpRequest> request, SignatureScope scope,
                                        std::shared_ptr<Arrival> arrival) {
    const auto view = request->view();
    const auto parameters = parse_query(view.query);
    const auto checked = SignatureVerifier::read(view, parameters, scope, clock_.now());
    const auto& signature = checked.signature;
    auto finding = credentials_.find(signature.access_key_id, signature.session_token, arrival->deadline);
    const iam::Credential credential = co_await std::move(finding);
    const bool known = credential.state != iam::CredentialState::unknown;
    // Computed for everybody: what is said below does not depend on whether it was.
    const bool matches = verifier_.matches(checked, credential.secret->view(), known);
    arrival->caller.access_key_id = credential.access_key_id;
    if (!known) throw RequestRefused(error_names::kUnrecognizedClient, std::string(kUnknownClient));
    if (!matches) throw RequestRefused(error_names::kInvalidSignature, std::string(kSignatureMismatch));
    if (credential.state == iam::CredentialState::expired) {
        throw RequestRefused(error_names::kExpiredToken, std::string(kExpiredToken));
    }
    iam::set_caller(credential, arrival->caller);
    arrival->admit(arrival->caller.principal);
    credentials_.used(credential, scope.service, region_);
}

secrets::CallContext FrontDoor::context_of(const HttpRequest& request, const Arrival& arrival) const {
    return {arrival.caller, arrival.deadline, arrival.request_id, trace_id_of(request)};
}

awaitable<HttpAnswer> FrontDoor::answer_json(std::shared_ptr<const HttpRequest> request,
                                             std::shared_ptr<Arrival> arrival) {
    require_root(request->view());
    const auto* operation = find_target(request->header("x-amz-target"));
    if (operation == nullptr) {
        throw RequestRefused(error_names::kUnknownOperation,
                             "X-Amz-Target must be 'secretsmanager.' and an operation of the API 2017-10-17");
    }
    SignatureScope scope{region_, "secretsmanager", kSecretsSkew};
    co_await authenticate(request, std::move(scope), arrival);
    auto message = std::make_unique<v1::Request>();
    read_json(request->view().body, message_of(*message, *operation));
    auto context = context_of(*request, *arrival);
    request.reset();
    const v1::Response response = co_await handler_(std::move(context), std::move(message));
    if (response.has_error()) co_return json_error_answer(error_answer(response.error()));
    HttpAnswer answer;
    answer.content_type = kJsonType;
    const auto* result = result_of(response);
    // Of operations without output AWS sends no body at all.
    if (result != nullptr && result->GetDescriptor()->field_count() > 0)
        write_json(*result, answer.body->bytes());
    co_return answer;
}

}  // namespace coffer::aws
