#include "pki.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <fstream>
#include <stdexcept>

namespace coffer::testing {

namespace {

void require(bool done, const char* what) {
    if (!done) throw std::runtime_error(what);
}

std::unique_ptr<EVP_PKEY, PkeyFree> new_key() {
    std::unique_ptr<EVP_PKEY, PkeyFree> key(EVP_EC_gen("P-256"));
    require(key != nullptr, "no key");
    return key;
}

void set_random_serial(X509* certificate) {
    std::array<unsigned char, 8> bytes{};
    require(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1, "no random bytes");
    bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7FU) | 0x01U);
    std::uint64_t serial = 0;
    for (const auto byte : bytes) serial = (serial << 8U) | byte;
    require(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial) == 1, "no serial");
}

void add_extension(X509* certificate, int nid, const std::string& value) {
    const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()),
        [](X509_EXTENSION* e) { X509_EXTENSION_free(e); });
    require(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "no extension");
}

void add_alternative_names(X509* certificate, const std::vector<std::pair<int, std::string>>& wanted) {
    if (wanted.empty()) return;
    const std::unique_ptr<GENERAL_NAMES, void (*)(GENERAL_NAMES*)> names(
        sk_GENERAL_NAME_new_null(), [](GENERAL_NAMES* n) { sk_GENERAL_NAME_pop_free(n, GENERAL_NAME_free); });
    for (const auto& [type, text] : wanted) {
        GENERAL_NAME* name = GENERAL_NAME_new();
        ASN1_IA5STRING* value = ASN1_IA5STRING_new();
        require(ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())) == 1, "no name");
        GENERAL_NAME_set0_value(name, type, value);
        require(sk_GENERAL_NAME_push(names.get(), name) > 0, "no name");
    }
    require(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0) == 1,
            "no alternative names");
}

Identity make_certificate(const CertificateSpec& spec, X509* issuer, EVP_PKEY* issuer_key) {
    Identity made{std::unique_ptr<X509, X509Free>(X509_new()), new_key()};
    X509* certificate = made.certificate.get();
    require(X509_set_version(certificate, 2) == 1, "no version");
    set_random_serial(certificate);
    require(X509_time_adj_ex(X509_getm_notBefore(certificate), 0, spec.valid_from_s, nullptr) != nullptr,
            "no time");
    require(X509_time_adj_ex(X509_getm_notAfter(certificate), 0, spec.valid_until_s, nullptr) != nullptr,
            "no time");
    X509_NAME* subject = X509_get_subject_name(certificate);
    for (const auto& name : spec.common_names) {
        require(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                           reinterpret_cast<const unsigned char*>(name.data()),
                                           static_cast<int>(name.size()), -1, 0) == 1,
                "no common name");
    }
    const X509* signer = issuer == nullptr ? certificate : issuer;
    require(X509_set_issuer_name(certificate, X509_get_subject_name(signer)) == 1, "no issuer");
    require(X509_set_pubkey(certificate, made.key.get()) == 1, "no public key");
    add_extension(certificate, NID_basic_constraints,
                  spec.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add_extension(certificate, NID_key_usage,
                  spec.authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    if (!spec.extended_key_usage.empty())
        add_extension(certificate, NID_ext_key_usage, spec.extended_key_usage);
    add_alternative_names(certificate, spec.alternative_names);
    require(X509_sign(certificate, issuer_key == nullptr ? made.key.get() : issuer_key, EVP_sha256()) > 0,
            "not signed");
    return made;
}

CertificateSpec authority_spec(const std::string& common_name) {
    CertificateSpec spec;
    spec.common_names = {common_name};
    spec.extended_key_usage.clear();
    spec.authority = true;
    return spec;
}

template <class Write>
std::string pem_text(Write write) {
    const std::unique_ptr<BIO, void (*)(BIO*)> bio(BIO_new(BIO_s_mem()), [](BIO* b) { BIO_free(b); });
    require(write(bio.get()) == 1, "no PEM");
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

}  // namespace

TestCa::TestCa(const std::string& common_name, const TestCa* issuer)
    : own_(make_certificate(authority_spec(common_name), issuer == nullptr ? nullptr : issuer->certificate(),
                            issuer == nullptr ? nullptr : issuer->own_.key.get())) {}

Identity TestCa::issue(const CertificateSpec& spec) const {
    return make_certificate(spec, own_.certificate.get(), own_.key.get());
}

std::string TestCa::crl(const std::vector<const X509*>& revoked, std::int64_t valid_until_s,
                        std::int64_t made_at_s) const {
    const std::unique_ptr<X509_CRL, CrlFree> list(X509_CRL_new());
    require(X509_CRL_set_version(list.get(), 1) == 1, "no version");
    require(X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(own_.certificate.get())) == 1,
            "no issuer");
    const std::unique_ptr<ASN1_TIME, void (*)(ASN1_TIME*)> from(ASN1_TIME_new(),
                                                                [](ASN1_TIME* t) { ASN1_TIME_free(t); });
    const std::unique_ptr<ASN1_TIME, void (*)(ASN1_TIME*)> until(ASN1_TIME_new(),
                                                                 [](ASN1_TIME* t) { ASN1_TIME_free(t); });
    require(X509_time_adj_ex(from.get(), 0, made_at_s, nullptr) != nullptr, "no time");
    require(X509_time_adj_ex(until.get(), 0, valid_until_s, nullptr) != nullptr, "no time");
    require(X509_CRL_set1_lastUpdate(list.get(), from.get()) == 1, "no time");
    require(X509_CRL_set1_nextUpdate(list.get(), until.get()) == 1, "no time");
    for (const X509* certificate : revoked) {
        X509_REVOKED* entry = X509_REVOKED_new();
        require(X509_REVOKED_set_serialNumber(
                    entry, const_cast<ASN1_INTEGER*>(X509_get0_serialNumber(certificate))) == 1,
                "no serial");
        require(X509_REVOKED_set_revocationDate(entry, from.get()) == 1, "no time");
        require(X509_CRL_add0_revoked(list.get(), entry) == 1, "no entry");
    }
    require(X509_CRL_sign(list.get(), own_.key.get(), EVP_sha256()) > 0, "not signed");
    return pem_text([&](BIO* bio) { return PEM_write_bio_X509_CRL(bio, list.get()); });
}

std::string pem_of(X509* certificate) {
    return pem_text([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

std::string pem_of(EVP_PKEY* key) {
    return pem_text(
        [&](BIO* bio) { return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); });
}

void write_private(const std::filesystem::path& file, const std::string& content) {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out << content;
    out.close();
    require(static_cast<bool>(out), "a file was not written");
    require(::chmod(file.c_str(), 0600) == 0, "a file's mode was not set");
}

TemporaryFolder::TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "coffer-server-test-XXXXXX").string();
    require(::mkdtemp(pattern.data()) != nullptr, "no temporary folder");
    path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace coffer::testing
