#include "daemon/secrets/page_token.hpp"

#include <openssl/rand.h>

#include "daemon/secrets/errors.hpp"
#include "daemon/secrets/sealed_text.hpp"

namespace coffer::secrets {

std::string PageTokens::make(ByteView position, ByteView context) const {
    Bytes out(kGcmIvBytes);
    if (RAND_bytes(out.data(), kGcmIvBytes) != 1) throw Error("OpenSSL has no random bytes");
    const auto sealed = gcm_seal(keys_->newest()->view(), out, position, context);
    out.insert(out.end(), sealed.begin(), sealed.end());
    return to_base64url(out);
}

Bytes PageTokens::open(std::string_view token, ByteView context) const {
    const auto sealed = from_base64url(token);
    if (!sealed || sealed->size() < kGcmIvBytes + kGcmTagBytes) throw invalid_next_token();
    const ByteView bytes(*sealed);
    for (const auto& key : keys_->all()) {
        auto position = gcm_open(key->view(), bytes.first(kGcmIvBytes), bytes.subspan(kGcmIvBytes), context);
        if (position) return std::move(*position);
    }
    throw invalid_next_token();
}

}  // namespace coffer::secrets
