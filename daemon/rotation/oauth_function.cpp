#include "daemon/rotation/oauth_function.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>

#include "daemon/audit/utc_time.hpp"
#include "daemon/rotation/check_list.hpp"
#include "daemon/rotation/secret_fields.hpp"
#include "daemon/rotation/text_template.hpp"

namespace coffer::rotation {

using crypto::SecretBytes;
using Kind = StepFailed::Kind;

namespace {

/// Of RFC 6749, section 5.2, and of registered extensions: small letters and underscores.
constexpr std::size_t kErrorCodeMax = 64;

class Form {
public:
    void add(std::string_view name, std::string_view value) {
        if (!parts_.empty()) parts_.push_back(SecretBytes::copy_of(std::string_view("&")));
        parts_.push_back(SecretBytes::copy_of(name));
        parts_.push_back(SecretBytes::copy_of(std::string_view("=")));
        append_escaped(value, Escape::form, parts_);
    }
    [[nodiscard]] SecretBytes take() { return joined(parts_); }

private:
    std::vector<SecretBytes> parts_;
};

SecretBytes basic_authorization(std::string_view id, std::string_view secret) {
    std::vector<SecretBytes> parts;
    append_escaped(id, Escape::form, parts);
    parts.push_back(SecretBytes::copy_of(std::string_view(":")));
    append_escaped(secret, Escape::form, parts);
    const auto pair = joined(parts);
    SecretBytes encoded((pair.size() + 2) / 3 * 4 + 1);  // with the NUL that EVP_EncodeBlock ends it with
    EVP_EncodeBlock(encoded.writable().data(), pair.view().data(), static_cast<int>(pair.size()));
    encoded.truncate(encoded.size() - 1);
    std::vector<SecretBytes> header;
    header.push_back(SecretBytes::copy_of(std::string_view("Basic ")));
    header.push_back(std::move(encoded));
    return joined(header);
}

/// The provider's code of what is wrong, which is safe to show; empty for anything else.
std::string error_code_in(const HttpsAnswer& answer) {
    try {
        const auto fields = SecretFields::parse(answer.body);
        const auto code = fields.find("error").value_or("");
        const bool plain =
            !code.empty() && code.size() <= kErrorCodeMax &&
            std::ranges::all_of(code, [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
        return plain ? std::string(code) : std::string();
    } catch (const StepFailed&) {
        return {};
    }
}

/// A member that nothing depends on: nothing when it is of another type, as some providers' are.
std::optional<std::string_view> text_in(const SecretFields& answer, std::string_view name) {
    try {
        return answer.find(name);
    } catch (const StepFailed&) {
        return std::nullopt;
    }
}

std::string answer_of(const std::string& place, const HttpsAnswer& answer) {
    const auto code = error_code_in(answer);
    return place + " answered with the status " + std::to_string(answer.status) +
           (code.empty() ? std::string() : " (" + code + ")");
}

}  // namespace

HttpsRequest OauthFunction::request(const StepContext& /*context*/, SecretValues& /*values*/,
                                    const SecretBytes& current) {
    const auto fields = SecretFields::parse(current);
    HttpsRequest request;
    request.method = "POST";
    request.target = SecretBytes::copy_of(std::string_view(settings_.token_path));
    request.content_type = "application/x-www-form-urlencoded";
    Form form;
    if (refreshes()) {
        form.add("grant_type", "refresh_token");
        form.add("refresh_token", fields.require("refresh_token"));
    } else {
        form.add("grant_type", "client_credentials");
    }
    if (!settings_.scope.empty()) form.add("scope", settings_.scope);
    if (!settings_.audience.empty()) form.add("audience", settings_.audience);
    const auto client = fields.require("client_id");
    switch (settings_.authentication) {
        case OauthSettings::Authentication::basic:
            request.headers.push_back(
                {"Authorization", basic_authorization(client, fields.require("client_secret"))});
            break;
        case OauthSettings::Authentication::post:
            form.add("client_id", client);
            form.add("client_secret", fields.require("client_secret"));
            break;
        case OauthSettings::Authentication::none:
            form.add("client_id", client);
            break;
    }
    request.body = form.take();
    return request;
}

SecretBytes OauthFunction::value_from(const HttpsAnswer& answer, const SecretBytes& current,
                                      SecretValues& /*values*/) {
    auto fields = SecretFields::parse(current);
    const auto got = members_of(answer);
    const auto token = text_in(got, "access_token");
    if (!token || token->empty()) throw StepFailed(Kind::hopeless, "the answer has no text access_token");
    fields.set("access_token", *token);
    // A provider that gives no new one means the old one to be used again (RFC 6749, section 6).
    const auto refresh = text_at(got, "/refresh_token");
    if (refresh && !refresh->empty()) fields.set("refresh_token", *refresh);
    for (const auto* name : {"token_type", "scope"}) {
        if (const auto value = text_in(got, name)) fields.set(name, *value);
    }
    if (const auto seconds = text_in(got, "expires_in")) {
        std::int64_t lasts = 0;
        const auto read = std::from_chars(seconds->data(), seconds->data() + seconds->size(), lasts);
        constexpr std::int64_t kLongest = 100LL * 366 * 24 * 3600;
        if (read.ec == std::errc{} && lasts >= 0 && lasts <= kLongest) {
            fields.set("expires_at", audit::utc_seconds(clock_.now() + std::chrono::seconds(lasts)));
        }
    }
    return fields.text();
}

std::string OauthFunction::said(const HttpsAnswer& answer) const {
    return answer_of(server().host + settings_.token_path, answer);
}

std::string OauthFunction::remedy(const HttpsAnswer& /*answer*/) const {
    return refreshes()
               ? ": correct the secret with 'coffer put' (a refresh token that is not taken any more has to "
                 "be "
                 "got anew at the provider), then 'coffer rotation retry'"
               : ": correct client_id, client_secret or the configuration, then 'coffer rotation retry'";
}

std::string OauthFunction::when_lost() const {
    return ": the refresh token may be used up, and is not sent a second time by itself. If the provider "
           "says that it "
           "is, put a new one with 'coffer put'; then 'coffer rotation retry' goes on";
}

void OauthFunction::test(const StepContext& context, const SecretBytes& value) {
    const auto fields = SecretFields::parse(value);
    const auto token = fields.require("access_token");
    if (!settings_.test_server) return;
    HttpsRequest request;
    request.target = SecretBytes::copy_of(std::string_view(settings_.test_path));
    std::vector<SecretBytes> header;
    header.push_back(SecretBytes::copy_of(std::string_view("Bearer ")));
    append_escaped(token, Escape::header, header);
    request.headers.push_back({"Authorization", joined(header)});
    const auto answer = call(*settings_.test_server, request, context.patience());
    if (!answer.is_success()) {
        throw StepFailed(Kind::retry,
                         "the new access token is not taken: " +
                             answer_of(settings_.test_server->host + settings_.test_path, answer));
    }
}

std::vector<Check> OauthFunction::check(const StepContext& context, SecretValues& values) {
    CheckList checks;
    const auto value = values.current();
    checks.look("value", "the fields that are needed are there",
                [&] { static_cast<void>(request(context, values, value)); });
    checks.look("provider", "it is reached, and proves who it is",
                [&] { reach(server(), context.patience()); });
    return checks.take();
}

}  // namespace coffer::rotation
