#pragma once
// What a request says of its own signature: in the header Authorization, or, presigned, in its query. Nothing
// of it is believed before SignatureVerifier has compared it.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/aws/sigv4_canonical.hpp"
#include "daemon/aws/sigv4_request.hpp"
#include "daemon/base/time.hpp"

namespace coffer::aws {

struct Signature {
    std::string access_key_id;
    /// Of the credential scope: "20150830", "us-east-1", "secretsmanager".
    std::string date;
    std::string region;
    std::string service;
    /// In small letters, sorted, each once.
    std::vector<std::string> signed_headers;
    /// What the client calls the signature; 64 small hexadecimal digits when it is one.
    std::string mac;
    /// When it was signed; basic_time() of it is what was signed.
    Timestamp time;
    /// Of temporary credentials; nothing with a user's access key.
    std::optional<std::string> session_token;
    /// How long a presigned request is good for; nothing when the signature is in the header.
    std::optional<std::chrono::seconds> expires;
};

/// Reads it. Throws RequestRefused with AWS's words: MissingAuthenticationTokenException when there is none,
/// IncompleteSignatureException when a part is missing, malformed, twice there, or of another algorithm,
/// InvalidSignatureException when the date of the scope is not that of the request.
[[nodiscard]] Signature read_signature(const HttpRequestView& request, const QueryParameters& parameters);

}  // namespace coffer::aws
