#include "daemon/sts/session_origin.hpp"

#include <openssl/sha.h>

#include <array>

#include "daemon/base/bytes.hpp"

namespace coffer::sts {

std::string certificate_origin(const access::CertificateIdentity& certificate) {
    const auto text = CanonicalEncoder("coffer/session-origin/v1")
                          .text(access::name_kind_text(certificate.kind))
                          .text(certificate.name)
                          .text(certificate.issuer)
                          .take();
    std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
    SHA256(text.data(), text.size(), digest.data());
    return "certificate:" + to_hex(digest);
}

}  // namespace coffer::sts
