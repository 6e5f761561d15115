#include "daemon/certificates/pem.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace coffer::certificates {

namespace {

constexpr std::size_t kCertificatesMost = 16;

template <auto Write, class Object>
std::string written(const Object* object) {
    const BioPtr out(BIO_new(BIO_s_mem()));
    require(out && Write(out.get(), const_cast<Object*>(object)) == 1, "PEM cannot be written");
    char* data = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

}  // namespace

Chain parse_certificates(std::string_view pem) {
    const BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    require(in != nullptr, "PEM cannot be read");
    Chain chain;
    ERR_clear_error();
    while (CertificatePtr next{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)}) {
        if (chain.size() == kCertificatesMost) throw CertificateError("there are more than 16 certificates");
        chain.push_back(std::move(next));
    }
    // The end of the text is told as an error as well.
    const auto end = ERR_peek_last_error();
    const bool at_end = ERR_GET_LIB(end) == ERR_LIB_PEM && ERR_GET_REASON(end) == PEM_R_NO_START_LINE;
    require(at_end, "a PEM certificate cannot be read");
    ERR_clear_error();
    if (chain.empty()) throw CertificateError("there is no PEM certificate");
    return chain;
}

std::string pem_of(const X509* certificate) {
    return written<PEM_write_bio_X509>(certificate);
}

std::string pem_of(const Chain& chain) {
    std::string text;
    for (const auto& certificate : chain) text += pem_of(certificate.get());
    return text;
}

std::string pem_of(const X509_REQ* request) {
    return written<PEM_write_bio_X509_REQ>(request);
}

std::string pem_of(const X509_CRL* list) {
    return written<PEM_write_bio_X509_CRL>(list);
}

Bytes der_of(const X509_CRL* list) {
    const int size = i2d_X509_CRL(list, nullptr);
    require(size > 0, "the revocation list cannot be written");
    Bytes der(static_cast<std::size_t>(size));
    auto* at = der.data();
    static_cast<void>(i2d_X509_CRL(list, &at));
    return der;
}

CrlPtr parse_crl(ByteView der) {
    const auto* at = der.data();
    CrlPtr list(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
    require(list && at == der.data() + der.size(), "the revocation list cannot be read");
    return list;
}

CrlPtr parse_crl_file(ByteView content) {
    // Every DER list is a SEQUENCE (X.690, section 8.9).
    constexpr std::uint8_t kSequence = 0x30;
    if (!content.empty() && content.front() == kSequence) return parse_crl(content);
    const BioPtr in(BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
    CrlPtr list(in ? PEM_read_bio_X509_CRL(in.get(), nullptr, nullptr, nullptr) : nullptr);
    require(list != nullptr, "it is no revocation list, in DER or PEM");
    return list;
}

}  // namespace coffer::certificates
