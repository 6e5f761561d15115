#pragma once
// The secret value of a request: taken out of the message into locked memory, once.

#include <openssl/crypto.h>

#include <memory>
#include <string>

#include "crypto/secret_bytes.hpp"
#include "daemon/secrets/errors.hpp"
#include "storage/records.hpp"

namespace coffer::secrets {

struct ValueKindAndBytes {
    storage::ValueKind kind = storage::ValueKind::string;
    crypto::SecretBytes bytes;

    [[nodiscard]] ValueKindAndBytes clone() const { return {kind, bytes.clone()}; }
};

/// Moves the bytes of a message's field into locked memory; the field is wiped and empty afterwards.
[[nodiscard]] inline crypto::SecretBytes take_bytes(std::string& field) {
    auto bytes = crypto::SecretBytes::copy_of(field);
    OPENSSL_cleanse(field.data(), field.size());
    field.clear();
    return bytes;
}

/// The value of a CreateSecret, PutSecretValue or UpdateSecret request; null when it has none. Throws
/// both_values() when it has two.
template <class Request>
[[nodiscard]] std::shared_ptr<const ValueKindAndBytes> take_value(Request& request) {
    if (request.has_secret_string() && request.has_secret_binary()) throw both_values();
    if (request.has_secret_string()) {
        return std::make_shared<const ValueKindAndBytes>(
            ValueKindAndBytes{storage::ValueKind::string, take_bytes(*request.mutable_secret_string())});
    }
    if (request.has_secret_binary()) {
        return std::make_shared<const ValueKindAndBytes>(
            ValueKindAndBytes{storage::ValueKind::binary, take_bytes(*request.mutable_secret_binary())});
    }
    return nullptr;
}

}  // namespace coffer::secrets
