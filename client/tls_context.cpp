#include "client/tls_context.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "client/errors.hpp"
#include "crypto/secret_bytes.hpp"
#include "daemon/base/private_file_rule.hpp"

namespace coffer::client {

namespace {

constexpr std::size_t kKeyFileBytesMax = 64 * 1024;

class FileDescriptor {
public:
    explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const noexcept { return fd_; }

private:
    int fd_;
};

std::string errno_text() {
    return std::generic_category().message(errno);
}

std::string openssl_text() {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason == nullptr ? "OpenSSL gives no reason" : reason;
}

void require_readable(const std::filesystem::path& file, const std::string& what) {
    if (::access(file.c_str(), R_OK) != 0) {
        throw ConfigError("the " + what + " " + file.string() + " cannot be read: " + errno_text());
    }
}

/// The key's PEM text. The file is examined through the descriptor that is read, so it cannot be exchanged in
/// between.
crypto::SecretBytes read_key_file(const std::filesystem::path& file) {
    const auto failure = [&](const std::string& what) {
        return ConfigError("the client key " + file.string() + " " + what);
    };
    const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (fd.get() < 0) throw failure("cannot be read: " + errno_text());
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) throw failure("cannot be examined: " + errno_text());
    if (const auto problem = privacy_problem(file, status)) throw failure(*problem);
    crypto::SecretBytes text(kKeyFileBytesMax);
    std::size_t size = 0;
    while (size < text.size()) {
        const auto got = ::read(fd.get(), text.writable().data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw failure("cannot be read: " + errno_text());
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    text.truncate(size);
    return text;
}

// Without it OpenSSL would ask for a passphrase on the terminal.
int no_passphrase(char*, int, int, void*) {
    return -1;
}

void use_key(SSL_CTX* context, const std::filesystem::path& file) {
    const auto text = read_key_file(file);
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(text.view().data(), static_cast<int>(text.size())), &BIO_free);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_passphrase, nullptr) : nullptr, &EVP_PKEY_free);
    if (!key) {
        throw ConfigError("the client key " + file.string() +
                          " is not an unencrypted private key in PEM: " + openssl_text());
    }
    if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
        throw ConfigError("the client key " + file.string() +
                          " does not belong to the client certificate: " + openssl_text());
    }
}

}  // namespace

SslContext make_tls_context(const Config& config) {
    ERR_clear_error();
    SslContext context(SSL_CTX_new(TLS_client_method()));
    if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1) {
        throw Error("TLS 1.3 cannot be set up: " + openssl_text());
    }
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    // Tickets are of no use to a connection that is kept; without them the daemon has nothing to send first.
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);

    require_readable(config.ca_file, "CA file");
    if (SSL_CTX_load_verify_locations(context.get(), config.ca_file.c_str(), nullptr) != 1) {
        throw ConfigError("the CA file " + config.ca_file.string() +
                          " holds no certificate in PEM: " + openssl_text());
    }
    require_readable(config.cert_file, "client certificate");
    if (SSL_CTX_use_certificate_chain_file(context.get(), config.cert_file.c_str()) != 1) {
        throw ConfigError("the client certificate " + config.cert_file.string() +
                          " is not a certificate in PEM: " + openssl_text());
    }
    use_key(context.get(), config.key_file);
    return context;
}

}  // namespace coffer::client
