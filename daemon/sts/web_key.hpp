#pragma once
// A public key that an identity provider publishes (JSON Web Key, RFC 7517), ready to verify signatures.

#include <openssl/evp.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/access/json_reader.hpp"
#include "daemon/base/bytes.hpp"
#include "daemon/base/free_with.hpp"
#include "daemon/sts/jws_algorithm.hpp"

namespace coffer::sts {

/// Immutable; thread-safe.
class WebKey {
public:
    /// Bits of RSA keys. Shorter ones are not trusted; longer ones make each signature cost too much.
    static constexpr int kRsaBitsMin = 2048;
    static constexpr int kRsaBitsMax = 8192;

    /// Nothing for a key that verifies no signatures of a kind that is taken: of another type or curve, for
    /// encryption (`use`, `key_ops`), or with values that are out of range (RFC 7517, section 5: to be
    /// ignored). Throws BadJson for a key that shows its private part: whoever reads it can make tokens.
    [[nodiscard]] static std::optional<WebKey> read(const access::JsonValue& jwk);

    /// Its `kid`; empty where it has none.
    [[nodiscard]] const std::string& id() const noexcept { return id_; }

    /// Whether it is of the kind that `algorithm` wants, and not published for another algorithm.
    [[nodiscard]] bool suits(JwsAlgorithm algorithm) const noexcept;

    /// Whether `signature`, in the form of RFC 7518 (section 3) or RFC 8037, is one of `message` by this key.
    /// False for an algorithm that it does not suit.
    [[nodiscard]] bool verifies(JwsAlgorithm algorithm, std::string_view message, ByteView signature) const;

private:
    using Pkey = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;

    WebKey(WebKeyType type, Pkey key) : type_(type), key_(std::move(key)) {}

    WebKeyType type_;
    Pkey key_;
    std::string id_;
    std::optional<JwsAlgorithm> only_;  ///< its `alg`
};

}  // namespace coffer::sts
