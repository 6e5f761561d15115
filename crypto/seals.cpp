#include "crypto/seals.hpp"

#include "crypto/canary.hpp"
#include "crypto/hsm_impl.hpp"

namespace coffer::crypto {

void Seals::make(Bytes message, JobOptions options, Completion<Bytes> completion) {
    hsm_.impl().submit<Bytes>(options, std::move(completion),
                              [message = std::move(message)](HsmContext& context) {
                                  Bytes seal(kSealBytes);
                                  hmac_sha256(context.session(), context.ring().seal_key(), message, seal);
                                  return seal;
                              });
}

Bytes Seals::make(Bytes message, JobOptions options) {
    return wait_for<Bytes>(
        [&](Completion<Bytes> completion) { make(std::move(message), options, std::move(completion)); });
}

bool Seals::check(Bytes message, ByteView seal, JobOptions options) {
    return constant_time_equal(make(std::move(message), options), seal);
}

void Seals::derive(std::string purpose, JobOptions options, Completion<SecretBytes> completion) {
    // No seal is ever made over this domain, so that none gives a derived key away.
    auto message = CanonicalEncoder("coffer/derive/v1").text(purpose).take();
    hsm_.impl().submit<SecretBytes>(
        options, std::move(completion), [message = std::move(message)](HsmContext& context) {
            SecretBytes key(kSealBytes);
            hmac_sha256(context.session(), context.ring().seal_key(), message, key.writable());
            return key;
        });
}

}  // namespace coffer::crypto
