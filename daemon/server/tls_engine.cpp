#include "daemon/server/tls_engine.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <limits>

namespace coffer::server {

namespace {

std::string word_for_verify_error(int error) {
    switch (error) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return "expired";
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return "not_yet_valid";
        case X509_V_ERR_CERT_REVOKED:
            return "revoked";
        case X509_V_ERR_INVALID_PURPOSE:
            return "wrong_purpose";
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            return "unknown_ca";
        case X509_V_ERR_UNABLE_TO_GET_CRL:
        case X509_V_ERR_CRL_HAS_EXPIRED:
        case X509_V_ERR_CRL_NOT_YET_VALID:
        case X509_V_ERR_CRL_SIGNATURE_FAILURE:
            return "crl";
        default:
            return "bad_certificate";
    }
}

bool is_about_the_list(int error) {
    return error == X509_V_ERR_UNABLE_TO_GET_CRL || error == X509_V_ERR_CRL_HAS_EXPIRED ||
           error == X509_V_ERR_CRL_NOT_YET_VALID || error == X509_V_ERR_CRL_SIGNATURE_FAILURE;
}

std::string detail_for_verify_error(int error) {
    const std::string text = X509_verify_cert_error_string(error);
    if (!is_about_the_list(error)) return text;
    return text +
           ": the listener's 'crl' has no current revocation list of a CA in the client's chain; the "
           "client's own certificate is not what is wrong";
}

std::string word_for_ssl_error(unsigned long error) {
    if (ERR_GET_LIB(error) != ERR_LIB_SSL) return "other";
    const int reason = ERR_GET_REASON(error);
    // OpenSSL numbers the alerts it receives from this base on (ssl.h, SSL_AD_REASON_OFFSET).
    if (reason >= SSL_AD_REASON_OFFSET) return "peer_alert";
    switch (reason) {
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            return "no_certificate";
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_VERSION_TOO_LOW:
        case SSL_R_NO_PROTOCOLS_AVAILABLE:
            return "protocol_version";
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_HTTP_REQUEST:
        case SSL_R_HTTPS_PROXY_REQUEST:
        case SSL_R_UNEXPECTED_MESSAGE:
        case SSL_R_BAD_RECORD_TYPE:
        case SSL_R_PACKET_LENGTH_TOO_LONG:
        case SSL_R_LENGTH_MISMATCH:
            return "not_tls";
        default:
            return "other";
    }
}

}  // namespace

TlsEngine::TlsEngine(std::shared_ptr<const TlsContext> context)
    : context_(std::move(context)), ssl_(SSL_new(context_->native())) {
    input_ = BIO_new(BIO_s_mem());
    output_ = BIO_new(BIO_s_mem());
    if (!ssl_ || input_ == nullptr || output_ == nullptr) {
        BIO_free(input_);
        BIO_free(output_);
        throw TlsSetupError("no memory for another TLS connection");
    }
    SSL_set_bio(ssl_.get(), input_, output_);
    SSL_set_accept_state(ssl_.get());
    SSL_set_app_data(ssl_.get(), this);
    SSL_set_verify(ssl_.get(), SSL_get_verify_mode(ssl_.get()), &TlsEngine::on_verify);
}

/// Does not decide anything: notes which certificate was refused and why, for the log, and has the client
/// told of an internal error where it is one.
int TlsEngine::on_verify(int good, X509_STORE_CTX* store) {
    if (good == 1) return good;
    const auto* ssl =
        static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* engine = static_cast<TlsEngine*>(SSL_get_app_data(ssl));
    engine->verify_error_ = X509_STORE_CTX_get_error(store);
    if (const X509* leaf = X509_STORE_CTX_get0_cert(store))
        engine->refused_fingerprint_ = fingerprint_of(leaf);
    // OpenSSL would tell the client that its certificate has expired, or that its CA is not known.
    if (is_about_the_list(engine->verify_error_)) X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
    return good;
}

void TlsEngine::feed(ByteView ciphertext) {
    // A memory BIO takes all that it is given, or has no memory left.
    const auto size =
        static_cast<int>(std::min<std::size_t>(ciphertext.size(), std::numeric_limits<int>::max()));
    if (BIO_write(input_, ciphertext.data(), size) != size) throw TlsSetupError("no memory for TLS input");
}

TlsEngine::Progress TlsEngine::handshake() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) return Progress::done;
    const int kind = SSL_get_error(ssl_.get(), result);
    if (kind == SSL_ERROR_WANT_READ) return Progress::wants_input;
    error_ = ERR_peek_error();
    ERR_clear_error();
    return Progress::failed;
}

HandshakeFailure TlsEngine::failure() const {
    HandshakeFailure failure;
    failure.fingerprint = refused_fingerprint_;
    if (verify_error_ != X509_V_OK) {
        failure.reason = word_for_verify_error(verify_error_);
        failure.detail = detail_for_verify_error(verify_error_);
        return failure;
    }
    failure.reason = word_for_ssl_error(error_);
    const char* detail = ERR_reason_error_string(error_);
    failure.detail = detail == nullptr ? "no reason given" : detail;
    return failure;
}

TlsEngine::ReadResult TlsEngine::read(std::span<std::uint8_t> plaintext) {
    ERR_clear_error();
    std::size_t bytes = 0;
    const int result = SSL_read_ex(ssl_.get(), plaintext.data(), plaintext.size(), &bytes);
    if (result == 1) return {ReadState::data, bytes};
    const int kind = SSL_get_error(ssl_.get(), result);
    ERR_clear_error();
    if (kind == SSL_ERROR_WANT_READ) return {ReadState::wants_input, 0};
    if (kind == SSL_ERROR_ZERO_RETURN) return {ReadState::closed, 0};
    return {ReadState::failed, 0};
}

bool TlsEngine::record_begun() const noexcept {
    return BIO_ctrl_pending(input_) > 0 || SSL_has_pending(ssl_.get()) == 1;
}

bool TlsEngine::write(ByteView plaintext) {
    while (!plaintext.empty()) {
        ERR_clear_error();
        std::size_t written = 0;
        if (SSL_write_ex(ssl_.get(), plaintext.data(), plaintext.size(), &written) != 1) {
            ERR_clear_error();
            return false;
        }
        plaintext = plaintext.subspan(written);
    }
    return true;
}

void TlsEngine::close_notify() {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
}

bool TlsEngine::has_output() const noexcept {
    return BIO_ctrl_pending(output_) > 0;
}

void TlsEngine::take_output(Bytes& out) {
    const std::size_t size = BIO_ctrl_pending(output_);
    const std::size_t at = out.size();
    out.resize(at + size);
    std::size_t taken = 0;
    if (size > 0 && BIO_read_ex(output_, out.data() + at, size, &taken) != 1) taken = 0;
    out.resize(at + taken);
}

PeerCertificates TlsEngine::peer_certificates() const {
    PeerCertificates peer;
    peer.leaf.reset(SSL_get1_peer_certificate(ssl_.get()));
    // On a server this chain does not hold the leaf (SSL_get_peer_cert_chain(3)).
    const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl_.get());
    for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
        X509* certificate = sk_X509_value(chain, i);
        X509_up_ref(certificate);
        peer.chain.emplace_back(certificate);
    }
    return peer;
}

}  // namespace coffer::server
