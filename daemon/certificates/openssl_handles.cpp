#include "daemon/certificates/openssl_handles.hpp"

#include <openssl/bn.h>
#include <openssl/err.h>

#include <array>
#include <chrono>
#include <ctime>

namespace coffer::certificates {

void require(bool good, const std::string& what) {
    if (good) return;
    std::array<char, 256> reason{};
    const auto code = ERR_peek_last_error();
    if (code != 0) ERR_error_string_n(code, reason.data(), reason.size());
    ERR_clear_error();
    throw CertificateError(code == 0 ? what : what + " (OpenSSL: " + reason.data() + ")");
}

TimePtr asn1_time(Timestamp time) {
    TimePtr made(ASN1_TIME_set(nullptr, static_cast<std::time_t>(time.millis() / 1000)));
    require(made != nullptr, "the time cannot be written");
    return made;
}

Timestamp timestamp_of(const ASN1_TIME* time) {
    std::tm parts{};
    require(ASN1_TIME_to_tm(time, &parts) == 1, "a time cannot be read");
    return Timestamp::from_millis(std::int64_t{::timegm(&parts)} * 1000);
}

Bytes serial_bytes(const ASN1_INTEGER* serial) {
    const std::unique_ptr<BIGNUM, FreeWith<BN_free>> number(ASN1_INTEGER_to_BN(serial, nullptr));
    require(number != nullptr, "a serial number cannot be read");
    Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number.get())));
    BN_bn2bin(number.get(), bytes.data());
    return bytes;
}

IntegerPtr asn1_integer(ByteView big_endian) {
    const std::unique_ptr<BIGNUM, FreeWith<BN_free>> number(
        BN_bin2bn(big_endian.data(), static_cast<int>(big_endian.size()), nullptr));
    IntegerPtr made(number ? BN_to_ASN1_INTEGER(number.get(), nullptr) : nullptr);
    require(made != nullptr, "a number cannot be written");
    return made;
}

Bytes name_digest(const X509_NAME* name) {
    Bytes digest(EVP_MAX_MD_SIZE);
    unsigned size = 0;
    require(X509_NAME_digest(name, EVP_sha256(), digest.data(), &size) == 1, "a name cannot be hashed");
    digest.resize(size);
    return digest;
}

const EVP_MD* digest_for(const EVP_PKEY* key) {
    constexpr int kP256Bits = 256;
    const bool larger_curve = EVP_PKEY_base_id(key) == EVP_PKEY_EC && EVP_PKEY_bits(key) > kP256Bits;
    return larger_curve ? EVP_sha384() : EVP_sha256();
}

std::string rfc3339(Timestamp time) {
    const auto seconds = static_cast<std::time_t>(time.millis() / 1000);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    const auto size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return {text.data(), size};
}

}  // namespace coffer::certificates
