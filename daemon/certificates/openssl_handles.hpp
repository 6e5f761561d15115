#pragma once
// OpenSSL's certificates, requests and lists as owned handles, and their failures as exceptions.

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "daemon/base/bytes.hpp"
#include "daemon/base/errors.hpp"
#include "daemon/base/free_with.hpp"
#include "daemon/base/time.hpp"

namespace coffer::certificates {

using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, FreeWith<X509_free>>;
using RequestPtr = std::unique_ptr<X509_REQ, FreeWith<X509_REQ_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, FreeWith<X509_CRL_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;
using NamePtr = std::unique_ptr<X509_NAME, FreeWith<X509_NAME_free>>;
using IntegerPtr = std::unique_ptr<ASN1_INTEGER, FreeWith<ASN1_INTEGER_free>>;
using TimePtr = std::unique_ptr<ASN1_TIME, FreeWith<ASN1_TIME_free>>;
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using OctetsPtr = std::unique_ptr<ASN1_OCTET_STRING, FreeWith<ASN1_OCTET_STRING_free>>;

/// Something of X.509 is not as it has to be. The message is for people and has no key in it.
class CertificateError : public Error {
public:
    using Error::Error;
};

/// Throws CertificateError with `what` and OpenSSL's reason, whose queue is empty then, unless `good`.
void require(bool good, const std::string& what);

/// UTCTime or GeneralizedTime, as RFC 5280, section 4.1.2.5, wants it; whole seconds.
[[nodiscard]] TimePtr asn1_time(Timestamp time);
[[nodiscard]] Timestamp timestamp_of(const ASN1_TIME* time);

/// Big-endian, without leading zeros.
[[nodiscard]] Bytes serial_bytes(const ASN1_INTEGER* serial);
[[nodiscard]] IntegerPtr asn1_integer(ByteView big_endian);

/// SHA-256 of the name in DER.
[[nodiscard]] Bytes name_digest(const X509_NAME* name);

/// SHA-256, or SHA-384 for keys of P-384: of the strength that the key has.
[[nodiscard]] const EVP_MD* digest_for(const EVP_PKEY* key);

/// "2026-11-30T12:00:00Z" (RFC 3339), to the second.
[[nodiscard]] std::string rfc3339(Timestamp time);

}  // namespace coffer::certificates
