#pragma once
// Whether a request was signed by who it says, for this service and region, and lately. Pure: it is given the
// secret access key and the time.
//
// A front door checks in two steps, since the secret has to be looked up in between: `read` does all that
// needs no secret; `matches` compares. Each failure has AWS's name and words.

#include <span>
#include <string>

#include "daemon/aws/sigv4_keys.hpp"
#include "daemon/aws/sigv4_signature.hpp"

namespace coffer::aws {

/// What requests must be signed for.
struct SignatureScope {
    std::string region;
    /// "secretsmanager" or "sts".
    std::string service;
    /// How far the client's clock may be from ours; whole minutes. AWS has 5 for Secrets Manager, 15 for STS.
    std::chrono::minutes skew{5};
};

/// A signature whose mac alone is left to be compared.
struct CheckedSignature {
    Signature signature;
    /// What the mac must be of. Not secret.
    std::string string_to_sign;
};

/// Thread-safe.
class SignatureVerifier {
public:
    /// Signing keys that are kept at most: two days' worth of five hundred clients.
    static constexpr std::size_t kKeysMax = 1024;

    explicit SignatureVerifier(std::size_t keys = kKeysMax) : keys_(keys) {}

    /// Reads a request's signature and checks all but the mac: the scope, the clock, that Host and every
    /// header of the form X-Amz-* are signed, and that X-Amz-Content-Sha256, where it is sent, is the body's.
    /// Throws RequestRefused: as read_signature does, and InvalidSignatureException.
    [[nodiscard]] static CheckedSignature read(const HttpRequestView& request,
                                               const QueryParameters& parameters, const SignatureScope& scope,
                                               Timestamp now);

    /// Whether the mac is the one that the owner of this secret access key would have made. Takes the same
    /// way and time whatever the answer. `known`: somebody has the access key; the signing keys of those that
    /// nobody has are kept apart, so that they cannot crowd out the others.
    [[nodiscard]] bool matches(const CheckedSignature& checked,
                               std::span<const std::uint8_t> secret_access_key, bool known);

private:
    static constexpr std::size_t kUnknownKeysMax = 64;

    SigningKeys keys_;
    SigningKeys unknown_keys_{kUnknownKeysMax};
};

/// AWS's words for a mac that is not the right one.
inline constexpr std::string_view kSignatureMismatch =
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key "
    "and signing method. Consult the service documentation for details.";

/// Its cause, for logs and events.
inline constexpr std::string_view kWrongSignature = "wrong_signature";

/// SHA-256 in small hexadecimal, as canonical requests have it.
[[nodiscard]] std::string sha256_hex(ByteView bytes);

}  // namespace coffer::aws
