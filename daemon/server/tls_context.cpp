#include "daemon/server/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>

#include "daemon/base/bytes.hpp"

namespace coffer::server {

namespace {

using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>>;

/// OpenSSL's reason for the last failure, and an empty error queue.
std::string openssl_reason() {
    const unsigned long code = ERR_peek_last_error();
    const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    ERR_clear_error();
    return reason == nullptr ? "no reason given" : reason;
}

void require(bool done, const std::string& what) {
    if (!done) throw TlsSetupError(what + ": " + openssl_reason());
}

BioPtr open_file(const std::filesystem::path& file, std::string_view what) {
    ERR_clear_error();
    BioPtr bio(BIO_new_file(file.c_str(), "r"));
    require(bio != nullptr, "the " + std::string(what) + " file " + file.string() + " cannot be read");
    return bio;
}

/// Whether reading PEM ended because there was no more of it, rather than at something broken.
bool at_end_of_pem() {
    const unsigned long code = ERR_peek_last_error();
    const bool ended = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    if (ended) ERR_clear_error();
    return ended;
}

std::vector<X509Ptr> read_certificates(const std::filesystem::path& file, std::string_view what) {
    const BioPtr bio = open_file(file, what);
    std::vector<X509Ptr> certificates;
    while (X509Ptr certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
        certificates.push_back(std::move(certificate));
    }
    require(at_end_of_pem(),
            "the " + std::string(what) + " file " + file.string() + " holds a broken certificate");
    if (certificates.empty()) {
        throw TlsSetupError("the " + std::string(what) + " file " + file.string() +
                            " holds no certificate; it must be PEM (-----BEGIN CERTIFICATE-----)");
    }
    return certificates;
}

std::vector<X509CrlPtr> read_crls(const std::filesystem::path& file) {
    const BioPtr bio = open_file(file, "CRL");
    std::vector<X509CrlPtr> lists;
    while (X509CrlPtr list{PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr)}) {
        lists.push_back(std::move(list));
    }
    require(at_end_of_pem(), "the CRL file " + file.string() + " holds a broken CRL");
    if (lists.empty()) {
        throw TlsSetupError("the CRL file " + file.string() +
                            " holds no CRL; it must be PEM (-----BEGIN X509 CRL-----)");
    }
    return lists;
}

/// Of TLS 1.2: forward secrecy and authenticated encryption only (RFC 9325, 4.2).
constexpr const char* kTls12Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

SslContextPtr bare_context(ListenerProtocol protocol) {
    SslContextPtr context(SSL_CTX_new(TLS_server_method()));
    require(context != nullptr, "no TLS context could be made");
    SSL_CTX* ssl = context.get();
    if (protocol == ListenerProtocol::aws) {
        require(SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1, "TLS 1.2 is not available");
        require(SSL_CTX_set_cipher_list(ssl, kTls12Ciphers) == 1, "the ciphers of TLS 1.2 cannot be set");
    } else {
        require(SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION) == 1, "TLS 1.3 is not available");
    }
    // Plaintext is wiped from OpenSSL's buffers once it is handed over, and idle connections keep no buffers.
    SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CLEANSE_PLAINTEXT |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    // A resumed session would skip the check of the client's certificate.
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    require(SSL_CTX_set_num_tickets(ssl, 0) == 1, "session tickets cannot be turned off");
    require(SSL_CTX_set_max_early_data(ssl, 0) == 1, "early data cannot be turned off");
    require(SSL_CTX_set1_groups_list(ssl, "X25519:P-256:P-384") == 1,
            "the key exchange groups cannot be set");
    return context;
}

/// Puts the daemon's certificate, the intermediate ones behind it, and the key into `context`.
TlsContext::Time use_certificate(SSL_CTX* context, const TlsFiles& files, const KeyLoader& load_key) {
    auto certificates = read_certificates(files.certificate, "certificate");
    X509* own = certificates.front().get();
    require(SSL_CTX_use_certificate(context, own) == 1,
            "the certificate in " + files.certificate.string() + " cannot be used");
    for (std::size_t i = 1; i < certificates.size(); ++i) {
        require(SSL_CTX_add1_chain_cert(context, certificates[i].get()) == 1,
                "an intermediate certificate in " + files.certificate.string() + " cannot be used");
    }
    const PkeyPtr key = load_key(files.key, own);
    require(SSL_CTX_use_PrivateKey(context, key.get()) == 1,
            "the key " + files.key + " does not belong to the certificate in " + files.certificate.string());
    return time_of(X509_get0_notAfter(own));
}

/// The CAs that clients must chain to, also as the names that a client is told to choose by.
void trust_client_cas(SSL_CTX* context, const std::vector<std::filesystem::path>& files) {
    X509_STORE* store = SSL_CTX_get_cert_store(context);
    for (const auto& file : files) {
        for (const auto& ca : read_certificates(file, "client CA")) {
            if (X509_check_ca(ca.get()) == 0) {
                throw TlsSetupError("the client CA file " + file.string() +
                                    " holds a certificate that is not a CA's");
            }
            require(X509_STORE_add_cert(store, ca.get()) == 1,
                    "a CA in " + file.string() + " cannot be used");
            require(SSL_CTX_add_client_CA(context, ca.get()) == 1,
                    "a CA in " + file.string() + " cannot be used");
        }
    }
}

/// A list that claims to be of one of our CAs but is not signed by it would refuse all of its clients.
void require_signature(X509_CRL* list, X509_STORE* store, const std::filesystem::path& file) {
    const StoreContextPtr context(X509_STORE_CTX_new());
    require(context && X509_STORE_CTX_init(context.get(), store, nullptr, nullptr) == 1,
            "no CRL can be checked");
    const std::unique_ptr<X509_OBJECT, FreeWith<X509_OBJECT_free>> found(
        X509_STORE_CTX_get_obj_by_subject(context.get(), X509_LU_X509, X509_CRL_get_issuer(list)));
    ERR_clear_error();
    if (!found) return;  // an intermediate CA's, which clients send along
    EVP_PKEY* key = X509_get0_pubkey(X509_OBJECT_get0_X509(found.get()));
    require(key != nullptr && X509_CRL_verify(list, key) == 1,
            "a CRL in " + file.string() + " is not signed by the CA that it names");
}

std::string name_text(const X509_NAME* name) {
    const BioPtr out(BIO_new(BIO_s_mem()));
    if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0) {
        throw TlsSetupError("the name of a CA cannot be read");
    }
    char* text = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

TlsContext::RevocationList described(const X509_CRL* list, const std::filesystem::path& file) {
    TlsContext::RevocationList made{
        name_text(X509_CRL_get_issuer(list)), file, time_of(X509_CRL_get0_lastUpdate(list)), {}};
    if (const ASN1_TIME* next = X509_CRL_get0_nextUpdate(list)) made.until = time_of(next);
    return made;
}

std::vector<TlsContext::RevocationList> use_crls(SSL_CTX* context,
                                                 const std::vector<std::filesystem::path>& files) {
    X509_STORE* store = SSL_CTX_get_cert_store(context);
    std::vector<TlsContext::RevocationList> lists;
    for (const auto& file : files) {
        for (const auto& list : read_crls(file)) {
            require_signature(list.get(), store, file);
            require(X509_STORE_add_crl(store, list.get()) == 1,
                    "a CRL in " + file.string() + " cannot be used");
            lists.push_back(described(list.get(), file));
        }
    }
    if (!files.empty()) {
        require(X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1,
                "checking of CRLs cannot be turned on");
    }
    return lists;
}

using Lists = std::vector<TlsContext::RevocationList>;

bool is_good(const TlsContext::RevocationList& list, TlsContext::Time now) {
    return list.from <= now && (!list.until || now < *list.until);
}

bool has_good_list(const Lists& lists, const std::string& issuer, TlsContext::Time now) {
    return std::ranges::any_of(lists,
                               [&](const auto& list) { return list.issuer == issuer && is_good(list, now); });
}

/// Of each CA the list that is good for longest: OpenSSL takes that which is good.
Lists longest_of_each(const Lists& lists) {
    Lists longest;
    for (const auto& list : lists) {
        const auto known = std::ranges::find(longest, list.issuer, &TlsContext::RevocationList::issuer);
        if (known == longest.end()) {
            longest.push_back(list);
        } else if (known->until && (!list.until || *list.until > *known->until)) {
            *known = list;
        }
    }
    return longest;
}

std::optional<TlsContext::RevocationList> newest_of(const Lists& lists, const std::string& issuer) {
    std::optional<TlsContext::RevocationList> newest;
    for (const auto& list : lists) {
        if (list.issuer == issuer && (!newest || list.from > newest->from)) newest = list;
    }
    return newest;
}

std::optional<TlsContext::Time> first_end(const Lists& lists) {
    std::optional<TlsContext::Time> first;
    for (const auto& list : longest_of_each(lists)) {
        if (list.until && (!first || *list.until < *first)) first = list.until;
    }
    return first;
}

std::string utc_text(TlsContext::Time time) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    std::tm parts{};
    std::array<char, 32> text{};
    if (::gmtime_r(&seconds, &parts) == nullptr) return "an unknown time";
    return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string line_of_outdated(const TlsContext::RevocationList& list, TlsContext::Time now) {
    const std::string what = "the revocation list of " + list.issuer + " in " + list.file.string();
    if (list.from > now) return what + " is not good before " + utc_text(list.from);
    return what + " was good until " + utc_text(*list.until);
}

}  // namespace

std::shared_ptr<const TlsContext> TlsContext::load(const TlsFiles& files, const KeyLoader& load_key,
                                                   ListenerProtocol protocol) {
    std::shared_ptr<TlsContext> made(new TlsContext());
    made->context_ = bare_context(protocol);
    SSL_CTX* context = made->context_.get();
    made->certificate_expires_ = use_certificate(context, files, load_key);
    trust_client_cas(context, files.client_ca);
    made->lists_ = use_crls(context, files.crl);
    made->crl_outdated_ = first_end(made->lists_);
    require(X509_STORE_set_purpose(SSL_CTX_get_cert_store(context), X509_PURPOSE_SSL_CLIENT) == 1,
            "the purpose of client certificates cannot be set");
    const bool required = protocol == ListenerProtocol::native;
    if (required || !files.client_ca.empty()) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                           nullptr);
    }
    return made;
}

std::vector<std::string> TlsContext::outdated_lists(Time now) const {
    std::vector<std::string> lines;
    for (const auto& list : longest_of_each(lists_)) {
        if (!has_good_list(lists_, list.issuer, now)) lines.push_back(line_of_outdated(list, now));
    }
    return lines;
}

bool TlsContext::trusts(const std::string& ca) const {
    const X509_STORE* store = SSL_CTX_get_cert_store(context_.get());
    const STACK_OF(X509_OBJECT)* objects = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
        const X509* certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (certificate != nullptr && name_text(X509_get_subject_name(certificate)) == ca) return true;
    }
    return false;
}

std::vector<std::string> TlsContext::lists_lost(Time now, const TlsContext& present) const {
    std::vector<std::string> lines;
    for (const auto& old : longest_of_each(present.lists_)) {
        if (!has_good_list(present.lists_, old.issuer, now) || !trusts(old.issuer)) continue;
        const auto newest = newest_of(lists_, old.issuer);
        const auto newest_present = newest_of(present.lists_, old.issuer);
        if (!newest) {
            lines.push_back("no file has a revocation list of " + old.issuer + " any more");
        } else if (!has_good_list(lists_, old.issuer, now)) {
            lines.push_back(line_of_outdated(*newest, now));
        } else if (newest->from < newest_present->from) {
            // RFC 5280, 5.2.3: what was revoked since would be let in again.
            lines.push_back("the revocation list of " + old.issuer + " in " + newest->file.string() +
                            " was made at " + utc_text(newest->from) + ", before the one in use (" +
                            utc_text(newest_present->from) + ")");
        }
    }
    return lines;
}

std::optional<std::string> TlsContext::objection_to(const PeerCertificates& peer) const {
    ERR_clear_error();
    const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> untrusted(
        sk_X509_new_null(), [](STACK_OF(X509) * stack) { sk_X509_free(stack); });
    const StoreContextPtr context(X509_STORE_CTX_new());
    bool ready = untrusted && context;
    for (const auto& certificate : peer.chain) {
        ready = ready && sk_X509_push(untrusted.get(), certificate.get()) > 0;
    }
    ready = ready && X509_STORE_CTX_init(context.get(), SSL_CTX_get_cert_store(context_.get()),
                                         peer.leaf.get(), untrusted.get()) == 1;
    ready = ready && X509_STORE_CTX_set_default(context.get(), "ssl_client") == 1;
    if (!ready) return "it could not be checked again: " + openssl_reason();
    const bool good = X509_verify_cert(context.get()) == 1;
    ERR_clear_error();
    if (good) return std::nullopt;
    return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

TlsContext::Time time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1)
        throw TlsSetupError("a certificate or CRL holds a malformed time");
    return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::string fingerprint_of(const X509* certificate) {
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) return "unknown";
    return to_hex(ByteView(digest.data(), size));
}

}  // namespace coffer::server
