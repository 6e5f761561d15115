#pragma once
// Requests as AWS's clients send them, for the load on the AWS endpoint.

#include <string>
#include <string_view>

#include "crypto/secret_bytes.hpp"
#include "daemon/base/time.hpp"

namespace coffer::bench {

struct AwsCredentials {
    std::string access_key_id;
    crypto::SecretBytes secret_access_key;
    std::string region;
};

/// The bytes of a POST of AWS JSON 1.1 to Secrets Manager, signed (Signature Version 4) at `now`. `host` is
/// the header Host; `operation` is e.g. "GetSecretValue".
[[nodiscard]] std::string signed_request(const AwsCredentials& credentials, std::string_view host,
                                         std::string_view operation, std::string_view body, Timestamp now);

}  // namespace coffer::bench
