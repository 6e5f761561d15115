#include "client/coffer/context.hpp"

#include <fmt/format.h>

#include <cmath>

#include "client/coffer/console.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/json_fields.hpp"
#include "client/coffer/json_output.hpp"
#include "client/coffer/parameter.hpp"
#include "client/version.hpp"
#include "proto/names.hpp"

namespace coffer::cli {

namespace {

/// The name or ARN that a request gives in SecretId or, to create, in Name; empty when it gives none.
std::string secret_of(const v1::Request& request) {
    const auto& reflection = *request.GetReflection();
    const auto* oneof = v1::Request::descriptor()->FindOneofByName("operation");
    const auto* field = reflection.GetOneofFieldDescriptor(request, oneof);
    if (field == nullptr) return {};
    const auto& operation = reflection.GetMessage(request, field);
    for (const char* name : {"secret_id", "name"}) {
        const auto* member = operation.GetDescriptor()->FindFieldByName(name);
        if (member != nullptr) return operation.GetReflection()->GetString(operation, member);
    }
    return {};
}

/// The member of that name of a JSON object.
SecretText member_of(std::string_view document, std::string_view name, const std::string& file) {
    const auto fields = parse_json_fields(document, "the file " + file);
    if (const auto* value = find_field(fields, name)) return *value;
    throw Failure(
        fmt::format("{} has no {}; --session wants what coffer sts assume-role printed", file, name));
}

std::string session_token_in(const std::string& file) {
    const auto document = read_file(file);
    const auto credentials = member_of(document.text(), "Credentials", file);
    return std::string(view(member_of(view(credentials), "SessionToken", file)));
}

}  // namespace

client::Config Context::config() const {
    client::Config config;
    if (options_.config_file.empty()) {
        config = client::load_config();
    } else {
        client::read_config_file(config, options_.config_file);
        client::read_environment(config);
    }
    if (!options_.endpoint.empty()) client::set_endpoint(config, options_.endpoint, "--endpoint");
    if (!options_.server_name.empty()) config.server_name = options_.server_name;
    if (!options_.ca_file.empty()) config.ca_file = options_.ca_file;
    if (!options_.cert_file.empty()) config.cert_file = options_.cert_file;
    if (!options_.key_file.empty()) config.key_file = options_.key_file;
    if (!options_.role.empty()) config.role = options_.role;
    if (!options_.session_file.empty()) config.role.clear();
    if (options_.timeout_seconds > 0) {
        constexpr double kMillis = 1000;
        config.deadline = std::chrono::milliseconds(std::llround(options_.timeout_seconds * kMillis));
    }
    config.connections_max = 1;
    config.client_name = fmt::format("coffer/{}", client::version());
    return config;
}

client::Client& Context::client() {
    if (!client_) client_ = std::make_unique<client::Client>(config());
    return *client_;
}

v1::Response Context::call(v1::Request request) {
    const Progress progress("waiting for " + std::string(proto::operation_name(request.operation_case())));
    return call_quietly(std::move(request));
}

v1::Response Context::call_quietly(v1::Request request) {
    const std::string operation(proto::operation_name(request.operation_case()));
    std::string secret = secret_of(request);
    if (!options_.session_file.empty()) {
        if (session_token_.empty()) session_token_ = session_token_in(options_.session_file);
        request.set_session_token(session_token_);
    }
    try {
        return client().call(std::move(request));
    } catch (const client::ServiceError& error) {
        throw ServiceFailure(operation, std::move(secret), error);
    }
}

void Context::show(std::string_view title, const google::protobuf::Message& message) const {
    const auto value = to_json(message);
    if (options_.output == "text") return print(view(tab_separated(value, reader_of_output())));
    if (options_.output == "table") return print(view(boxes(title, value)));
    print(view(pretty_json(value)));
}

}  // namespace coffer::cli
