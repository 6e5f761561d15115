#pragma once
// Between what the envelope makes and what the tables hold: the same bytes, in two layers' types.

#include <memory>
#include <utility>

#include "crypto/envelope.hpp"
#include "storage/records.hpp"

namespace coffer::secrets {

[[nodiscard]] inline storage::StoredPayload to_stored(crypto::SealedPayload sealed) {
    return {sealed.master_key.id.value(), sealed.master_key.generation, std::move(sealed.wrapped_key),
            std::move(sealed.ciphertext)};
}

[[nodiscard]] inline std::shared_ptr<const crypto::SealedPayload> to_sealed(
    const storage::StoredPayload& stored) {
    return std::make_shared<const crypto::SealedPayload>(crypto::SealedPayload{
        {crypto::MasterKeyId(stored.master_key), stored.generation}, stored.wrapped_key, stored.ciphertext});
}

[[nodiscard]] inline crypto::PayloadKind to_payload_kind(storage::ValueKind kind) noexcept {
    return kind == storage::ValueKind::binary ? crypto::PayloadKind::secret_binary
                                              : crypto::PayloadKind::secret_string;
}

}  // namespace coffer::secrets
