#include "hsm-config/coffer_hsm/probe_payload.hpp"

#include "crypto/data_key.hpp"
#include "crypto/objects.hpp"

namespace coffer::hsm_config {

StoredPayload store_payload(const crypto::Session& session, const WrappingKey& wrapping_key,
                            const IvFinding& iv, ByteView plaintext) {
    const crypto::ObjectGuard key(session, crypto::generate_data_key(session, false));
    StoredPayload stored;
    crypto::gcm_encrypt(session, key.get(), iv.mode, iv.iv_bytes, as_bytes(kProbeAad), plaintext,
                        stored.payload);
    stored.wrapped = crypto::wrap_data_key(session, wrapping_key.way, wrapping_key.handle, key.get());
    return stored;
}

}  // namespace coffer::hsm_config
