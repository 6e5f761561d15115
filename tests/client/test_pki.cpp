#include "test_pki.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <vector>

namespace coffer::client_test {

namespace {

void require(bool good, const char* what) {
    if (!good) throw std::runtime_error(std::string("test PKI: ") + what);
}

struct FileCloser {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

std::unique_ptr<std::FILE, FileCloser> open_for_writing(const std::filesystem::path& file) {
    std::unique_ptr<std::FILE, FileCloser> opened(std::fopen(file.c_str(), "w"));
    require(opened != nullptr, "cannot write a file");
    return opened;
}

Key new_key() {
    Key key(EVP_EC_gen("P-256"));
    require(key != nullptr, "EVP_EC_gen");
    return key;
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    require(extension != nullptr, value.c_str());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

Certificate new_certificate(const Subject& subject, EVP_PKEY* key, X509* issuer) {
    Certificate certificate(X509_new());
    require(certificate != nullptr, "X509_new");
    std::uint32_t serial = 0;
    RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), subject.begins_in_seconds);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), subject.ends_in_seconds);
    X509_set_pubkey(certificate.get(), key);
    X509_NAME* name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(subject.name.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate.get(),
                         X509_get_subject_name(issuer == nullptr ? certificate.get() : issuer));
    return certificate;
}

void write(const std::filesystem::path& file, X509* certificate) {
    require(PEM_write_X509(open_for_writing(file).get(), certificate) == 1, "PEM_write_X509");
}

void write(const std::filesystem::path& file, EVP_PKEY* key) {
    require(
        PEM_write_PrivateKey(open_for_writing(file).get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
        "PEM_write_PrivateKey");
    std::filesystem::permissions(file,
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

}  // namespace

TestPki::TestPki(const std::string& name) : key_(new_key()) {
    std::string pattern = (std::filesystem::temp_directory_path() / "coffer-client-test-XXXXXX").string();
    require(::mkdtemp(pattern.data()) != nullptr, "mkdtemp");
    folder_ = pattern;
    certificate_ = new_certificate({name, ""}, key_.get(), nullptr);
    add_extension(certificate_.get(), certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate_.get(), certificate_.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
    require(X509_sign(certificate_.get(), key_.get(), EVP_sha256()) > 0, "X509_sign");
    write(ca_file(), certificate_.get());
}

TestPki::~TestPki() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

CertificateFiles TestPki::issue(const Subject& subject) const {
    const Key key = new_key();
    const Certificate certificate = new_certificate(subject, key.get(), certificate_.get());
    add_extension(certificate.get(), certificate_.get(), NID_key_usage, "critical,digitalSignature");
    add_extension(certificate.get(), certificate_.get(), NID_ext_key_usage, subject.usage);
    if (!subject.alternative_names.empty()) {
        add_extension(certificate.get(), certificate_.get(), NID_subject_alt_name, subject.alternative_names);
    }
    require(X509_sign(certificate.get(), key_.get(), EVP_sha256()) > 0, "X509_sign");
    CertificateFiles files{folder_ / (subject.name + ".crt"), folder_ / (subject.name + ".key")};
    write(files.certificate, certificate.get());
    write(files.key, key.get());
    return files;
}

client::Config TestPki::config(const CertificateFiles& files, std::uint16_t port) const {
    client::Config config;
    config.host = "127.0.0.1";
    config.port = port;
    config.server_name = "localhost";
    config.ca_file = ca_file();
    config.cert_file = files.certificate;
    config.key_file = files.key;
    return config;
}

}  // namespace coffer::client_test
