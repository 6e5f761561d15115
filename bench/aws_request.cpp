#include "aws_request.hpp"

#include <fmt/format.h>

#include <vector>

#include "daemon/aws/sigv4_canonical.hpp"
#include "daemon/aws/sigv4_keys.hpp"
#include "daemon/aws/sigv4_time.hpp"
#include "daemon/aws/sigv4_verifier.hpp"

namespace coffer::bench {

std::string signed_request(const AwsCredentials& credentials, std::string_view host,
                           std::string_view operation, std::string_view body, Timestamp now) {
    const auto time = aws::basic_time(now);
    const auto target = fmt::format("secretsmanager.{}", operation);
    const std::vector<aws::HttpHeader> headers = {{"Content-Type", "application/x-amz-json-1.1"},
                                                  {"Host", host},
                                                  {"X-Amz-Date", time},
                                                  {"X-Amz-Target", target}};
    const std::vector<std::string> signed_headers = {"content-type", "host", "x-amz-date", "x-amz-target"};
    const aws::HttpRequestView request{"POST", "/", "", headers, as_bytes(body)};
    const auto canonical =
        aws::canonical_request(request, {}, signed_headers, aws::sha256_hex(as_bytes(body)));

    const aws::KeyScope scope{credentials.access_key_id, time.substr(0, 8), credentials.region,
                              "secretsmanager"};
    const auto scope_text =
        fmt::format("{}/{}/{}/{}", scope.date, scope.region, scope.service, aws::kTerminator);
    const auto key = aws::derive_signing_key(credentials.secret_access_key.view(), scope);
    const auto mac = aws::hmac_sha256(
        key.view(),
        fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", time, scope_text, aws::sha256_hex(as_bytes(canonical))));

    std::string bytes = "POST / HTTP/1.1\r\n";
    for (const auto& header : headers) bytes += fmt::format("{}: {}\r\n", header.name, header.value);
    bytes += fmt::format("Content-Length: {}\r\n", body.size());
    bytes += fmt::format(
        "Authorization: AWS4-HMAC-SHA256 Credential={}/{}, "
        "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
        "Signature={}\r\n\r\n",
        credentials.access_key_id, scope_text, to_hex(mac.view()));
    bytes += body;
    return bytes;
}

}  // namespace coffer::bench
