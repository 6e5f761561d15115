#include "client/tls_session.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <limits>
#include <new>

#include "client/errors.hpp"

namespace coffer::client {

namespace {

bool is_address(const std::string& name) {
    std::array<std::uint8_t, sizeof(in6_addr)> address{};
    return ::inet_pton(AF_INET, name.c_str(), address.data()) == 1 ||
           ::inet_pton(AF_INET6, name.c_str(), address.data()) == 1;
}

/// What an alert of the daemon says about our certificate (RFC 8446, 6.2); null for alerts that say nothing
/// about it.
const char* certificate_alert(int reason) {
    switch (reason) {
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
            return "certificate required: none was sent";
        case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
            return "certificate expired, or not valid yet";
        case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
            return "certificate revoked";
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
            return "unknown CA: it was signed by an authority that the daemon does not know";
        case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
            return "bad certificate";
        case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
            return "unsupported certificate: it is not one for clients (extended key usage clientAuth)";
        case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
            return "certificate not accepted";
        case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
            return "access denied";
        case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
            return "its signature is not by an authority that the daemon knows, though one has that name";
        default:
            return nullptr;
    }
}

std::string reason_text(unsigned long error) {
    const char* text = ERR_reason_error_string(error);
    return text == nullptr ? "no reason given" : text;
}

}  // namespace

TlsSession::TlsSession(const Config& config)
    : endpoint_(config.endpoint()),
      name_(config.name_to_verify()),
      ca_file_(config.ca_file.string()),
      cert_file_(config.cert_file.string()),
      context_(make_tls_context(config)),
      ssl_(SSL_new(context_.get())) {
    input_ = BIO_new(BIO_s_mem());
    output_ = BIO_new(BIO_s_mem());
    if (!ssl_ || input_ == nullptr || output_ == nullptr) {
        BIO_free(input_);
        BIO_free(output_);
        throw std::bad_alloc();
    }
    SSL_set_bio(ssl_.get(), input_, output_);
    SSL_set_connect_state(ssl_.get());
    expect_name(name_);
}

void TlsSession::expect_name(const std::string& name) {
    X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl_.get());
    if (is_address(name)) {
        if (X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) == 1) return;
    } else {
        X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        std::string indicated = name;  // SSL_set_tlsext_host_name is a macro with a C cast in it
        if (X509_VERIFY_PARAM_set1_host(parameters, name.data(), name.size()) == 1 &&
            SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, indicated.data()) ==
                1) {
            return;
        }
    }
    throw ConfigError("'" + name + "' is not a name or address that a certificate can be for (server_name)");
}

void TlsSession::feed(ByteView ciphertext) {
    const auto size =
        static_cast<int>(std::min<std::size_t>(ciphertext.size(), std::numeric_limits<int>::max()));
    if (BIO_write(input_, ciphertext.data(), size) != size) throw std::bad_alloc();
}

TlsSession::Progress TlsSession::handshake() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) return Progress::done;
    if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) return Progress::wants_input;
    error_ = ERR_peek_error();
    ERR_clear_error();
    return Progress::failed;
}

TlsSession::ReadResult TlsSession::read(std::span<std::uint8_t> plaintext) {
    ERR_clear_error();
    std::size_t bytes = 0;
    const int result = SSL_read_ex(ssl_.get(), plaintext.data(), plaintext.size(), &bytes);
    if (result == 1) return {ReadState::data, bytes};
    const int kind = SSL_get_error(ssl_.get(), result);
    if (kind == SSL_ERROR_WANT_READ) return {ReadState::wants_input, 0};
    if (kind == SSL_ERROR_ZERO_RETURN) return {ReadState::closed, 0};
    error_ = ERR_peek_error();
    ERR_clear_error();
    return {ReadState::failed, 0};
}

std::exception_ptr TlsSession::failure() const {
    const int reason = ERR_GET_LIB(error_) == ERR_LIB_SSL ? ERR_GET_REASON(error_) : 0;
    if (const long verified = SSL_get_verify_result(ssl_.get()); verified != X509_V_OK) {
        std::string what = X509_verify_cert_error_string(verified);
        if (verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH) {
            what =
                "it is not for the name '" + name_ + "' (set COFFER_SERVER_NAME to the name that it is for)";
        } else {
            what += " (checked against " + ca_file_ + ")";
        }
        return std::make_exception_ptr(
            ServerNotTrusted("the certificate of " + endpoint_ + " was not accepted: " + what));
    }
    if (const char* said = certificate_alert(reason)) {
        return std::make_exception_ptr(CertificateRefused("the server refused the client certificate " +
                                                          cert_file_ + " (" + said + ")"));
    }
    if (reason == SSL_R_TLSV1_ALERT_INTERNAL_ERROR) {
        return std::make_exception_ptr(ConnectionError(
            "the daemon at " + endpoint_ +
                " could not check the client certificate; its log says why (a revocation list that is out of "
                "date, for example)",
            Sent::no, true));
    }
    if (reason == SSL_R_WRONG_VERSION_NUMBER) {
        return std::make_exception_ptr(
            ConnectionError(endpoint_ + " does not speak TLS; is that Coffer's port?", Sent::no, false));
    }
    return std::make_exception_ptr(
        ConnectionError("TLS with " + endpoint_ + " failed: " + reason_text(error_), Sent::no, true));
}

bool TlsSession::write(ByteView plaintext) {
    ERR_clear_error();
    while (!plaintext.empty()) {
        std::size_t written = 0;
        if (SSL_write_ex(ssl_.get(), plaintext.data(), plaintext.size(), &written) != 1) return false;
        plaintext = plaintext.subspan(written);
    }
    return true;
}

void TlsSession::close_notify() {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
}

bool TlsSession::has_output() const noexcept {
    return BIO_ctrl_pending(output_) > 0;
}

void TlsSession::take_output(Bytes& out) {
    const std::size_t pending = BIO_ctrl_pending(output_);
    const std::size_t at = out.size();
    out.resize(at + pending);
    if (pending > 0) BIO_read(output_, out.data() + at, static_cast<int>(pending));
}

}  // namespace coffer::client
