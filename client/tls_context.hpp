#pragma once
// OpenSSL's context for one connection: which authorities we trust, who we are. (Not installed.)

#include <openssl/ssl.h>

#include <memory>

#include "client/config.hpp"

namespace coffer::client {

struct SslContextDeleter {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using SslContext = std::unique_ptr<SSL_CTX, SslContextDeleter>;

/// TLS 1.3 only, the daemon verified against the CA file, our certificate and key loaded. Throws ConfigError
/// that names the file and what is wrong with it, the mode of the key file included.
[[nodiscard]] SslContext make_tls_context(const Config& config);

}  // namespace coffer::client
