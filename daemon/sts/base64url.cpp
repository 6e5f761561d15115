#include "daemon/sts/base64url.hpp"

#include "daemon/base/base64url.hpp"

namespace coffer::sts {

std::optional<crypto::SecretBytes> decode_base64url(std::string_view text) {
    const auto size = base64url_size(text);
    if (!size) return std::nullopt;
    crypto::SecretBytes bytes(*size);
    read_base64url(text, bytes.writable());
    return bytes;
}

}  // namespace coffer::sts
