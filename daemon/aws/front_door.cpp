#include "daemon/aws/front_door.hpp"

#include <algorithm>

#include "daemon/aws/json_reader.hpp"
#include "daemon/aws/json_writer.hpp"
#include "daemon/aws/operations.hpp"
#include "daemon/aws/query_reader.hpp"
#include "daemon/aws/xml_writer.hpp"
#include "proto/names.hpp"

namespace coffer::aws {

using boost::asio::awaitable;

namespace {

constexpr std::string_view kJsonType = "application/x-amz-json-1.1";
constexpr std::string_view kFormType = "application/x-www-form-urlencoded";
constexpr std::string_view kXmlType = "text/xml";
constexpr std::string_view kStsVersion = "2011-06-15";
constexpr unsigned kNotFound = 404;
constexpr std::size_t kTraceIdMax = 128;
/// AWS, IAM API reference, AccessKey.
constexpr std::size_t kAccessKeyIdMin = 16;
constexpr std::size_t kAccessKeyIdMax = 32;
/// What Secrets Manager has; the SDKs correct clocks that are further away.
constexpr std::chrono::minutes kSecretsSkew{5};
constexpr std::chrono::minutes kStsSkew{15};

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

/// Whether it is a request of the query protocol: a form, or a GET with the form as its query (as presigned
/// requests are).
bool is_query(const HttpRequest& request) {
    if (!request.header("x-amz-target").empty()) return false;
    const auto view = request.view();
    if (view.method == "GET") return !view.query.empty();
    const auto type = request.header("content-type");
    return is_header(type.substr(0, type.find_first_of("; \t")), kFormType);
}

FormParameters form_of_request(const HttpRequestView& request) {
    return request.method == "GET" ? form_of(parse_query(request.query)) : parse_form(request.body);
}

HttpAnswer xml_error_answer(const ErrorAnswer& error, std::string_view request_id) {
    HttpAnswer answer;
    answer.status = error.status;
    answer.content_type = kXmlType;
    write_xml_error(error, request_id, answer.body->bytes());
    return answer;
}

/// The form of every id that there is: others are not looked up, and not logged. They may be the secret
/// access key of somebody who has the two in each other's places, which has 40 characters.
bool is_access_key_id(std::string_view id) {
    return id.size() >= kAccessKeyIdMin && id.size() <= kAccessKeyIdMax &&
           std::ranges::all_of(id, [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); });
}

/// Who is counted for the limits of a principal. Of a session whoever began it: its name is the caller's to
/// choose.
const std::string& limited_as(const access::Caller& caller) {
    if (!caller.session) return caller.principal;
    return caller.session->origin.empty() ? caller.session->issuer_id : caller.session->origin;
}

/// Whether a signature is there to be checked, a good one or not.
bool has_signature(const HttpRequestView& request) {
    if (std::ranges::any_of(request.headers, [](const HttpHeader& header) {
            return is_header(header.name, "authorization");
        })) {
        return true;
    }
    return std::ranges::any_of(parse_query(request.query),
                               [](const auto& parameter) { return parameter.first == "X-Amz-Algorithm"; });
}

/// STS has names for what is wrong with a token that differ from those for what is wrong with a caller's own.
ErrorAnswer sts_error(const v1::Error& error, v1::Request::OperationCase operation) {
    auto answer = error_answer(error);
    const bool of_token =
        operation == v1::Request::kAssumeRoleWithWebIdentity && error.code() == v1::EXPIRED_TOKEN;
    return of_token ? answer : query_error(std::move(answer));
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
    const bool query = is_query(*request);
    ErrorAnswer error;
    try {
        auto answering =
            query ? answer_query(std::move(request), arrival) : answer_json(std::move(request), arrival);
        co_return co_await std::move(answering);
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
    if (query) error = query_error(std::move(error));
    arrival->refused(error, arrival->caller, arrival->unknown_access_key_id);
    co_return query ? xml_error_answer(error, arrival->request_id) : json_error_answer(error);
}

bool FrontDoor::admit_unsigned(const HttpRequestView& request, v1::Request::OperationCase operation,
                               const Arrival& arrival) {
    // AWS, STS API reference, AssumeRoleWithWebIdentity: the call needs no AWS credentials.
    if (operation != v1::Request::kAssumeRoleWithWebIdentity || has_signature(request)) return false;
    if (arrival.admit_stranger) arrival.admit_stranger();
    return true;
}

awaitable<void> FrontDoor::authenticate(std::shared_ptr<const HttpRequest> request, SignatureScope scope,
                                        std::shared_ptr<Arrival> arrival) {
    const auto view = request->view();
    const auto parameters = parse_query(view.query);
    const auto checked = SignatureVerifier::read(view, parameters, scope, clock_.now());
    const auto& signature = checked.signature;
    if (!is_access_key_id(signature.access_key_id)) {
        throw RequestRefused(error_names::kUnrecognizedClient, std::string(kUnknownClient),
                             "no_access_key_id");
    }
    auto finding = credentials_.find(signature.access_key_id, signature.session_token, arrival->deadline);
    const iam::Credential credential = co_await std::move(finding);
    const bool known = credential.state != iam::CredentialState::unknown;
    // Computed for everybody: what is said below does not depend on whether it was.
    const bool matches = verifier_.matches(checked, credential.secret->view(), known);
    (credential.exists ? arrival->caller.access_key_id : arrival->unknown_access_key_id) =
        credential.access_key_id;
    if (!known) {
        throw RequestRefused(error_names::kUnrecognizedClient, std::string(kUnknownClient),
                             iam::fault_text(credential.fault));
    }
    if (!matches) {
        throw RequestRefused(error_names::kInvalidSignature, std::string(kSignatureMismatch),
                             kWrongSignature);
    }
    iam::set_caller(credential, arrival->caller);
    if (credential.state == iam::CredentialState::expired) {
        throw RequestRefused(error_names::kExpiredToken, std::string(kExpiredToken));
    }
    arrival->admit(limited_as(arrival->caller));
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

awaitable<HttpAnswer> FrontDoor::answer_query(std::shared_ptr<const HttpRequest> request,
                                              std::shared_ptr<Arrival> arrival) {
    const auto view = request->view();
    if (view.path != "/" || (view.method != "GET" && view.method != "POST")) {
        throw RequestRefused(error_names::kUnknownOperation,
                             "Requests of STS are sent as POST or GET to the path /", kNotFound);
    }
    const auto form = form_of_request(view);
    const auto action = form.find("Action");
    const auto version = form.find("Version");
    const auto* operation = action == form.end() ? nullptr : find_sts_action(action->second);
    if (operation == nullptr || version == form.end() || version->second != kStsVersion) {
        throw RequestRefused(error_names::kUnknownOperation,
                             "Action must be one of AssumeRole, AssumeRoleWithWebIdentity, GetCallerIdentity "
                             "and GetSessionToken, "
                             "with the Version 2011-06-15");
    }
    auto message = std::make_unique<v1::Request>();
    auto& parameters = message_of(*message, *operation);
    const auto asked = message->operation_case();
    if (!admit_unsigned(view, asked, *arrival)) {
        SignatureScope scope{region_, "sts", kStsSkew};
        co_await authenticate(request, std::move(scope), arrival);
    }
    read_form(form, parameters);
    const std::string name(proto::operation_name(asked));
    auto context = context_of(*request, *arrival);
    request.reset();
    const v1::Response response = co_await handler_(std::move(context), std::move(message));
    if (response.has_error()) {
        co_return xml_error_answer(sts_error(response.error(), asked), arrival->request_id);
    }
    HttpAnswer answer;
    answer.content_type = kXmlType;
    if (const auto* result = result_of(response)) {
        write_xml_response(name, *result, arrival->request_id, answer.body->bytes());
    }
    co_return answer;
}

}  // namespace coffer::aws
