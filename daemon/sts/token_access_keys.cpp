#include "daemon/sts/token_access_keys.hpp"

#include "daemon/secrets/payloads.hpp"
#include "daemon/sts/secret_text.hpp"

namespace coffer::sts {

namespace {

crypto::PayloadIdentity identity_of(const std::string& user_id, const std::string& access_key_id) {
    return {user_id, access_key_id, crypto::PayloadKind::access_key};
}

}  // namespace

iam::NewAccessKeySecret TokenAccessKeys::make(const std::string& user_id, const std::string& access_key_id,
                                              Deadline deadline) {
    const JobOptions options{Priority::write, deadline};
    const auto random = wait_for<crypto::SecretBytes>([&](Completion<crypto::SecretBytes> done) {
        hsm_.random(kSecretRandomBytes, options, std::move(done));
    });
    auto secret = secret_text(random.view());
    auto sealed = wait_for<crypto::SealedPayload>([&](Completion<crypto::SealedPayload> done) {
        hsm_.envelope().seal(identity_of(user_id, access_key_id), secret.clone(), master_key_, options,
                             std::move(done));
    });
    return {std::move(secret), secrets::to_stored(std::move(sealed))};
}

void TokenAccessKeys::open(const std::string& user_id, const std::string& access_key_id,
                           const storage::StoredPayload& sealed, Deadline deadline,
                           Completion<crypto::SecretBytes> completion) {
    hsm_.envelope().open(identity_of(user_id, access_key_id), secrets::to_sealed(sealed),
                         {Priority::read, deadline}, std::move(completion));
}

}  // namespace coffer::sts
