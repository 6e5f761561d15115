#pragma once
// Signing with a private key of the token (the TLS key, that of a certificate authority) for as long as the
// daemon lives, through every recovery.

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include "crypto/executor.hpp"
#include "crypto/private_key.hpp"
#include "crypto/slot.hpp"

namespace coffer::crypto {

class Token;

/// libp11's key object goes stale with the token's sessions and with the module. OpenSSL keeps the key that
/// it is given for years, so it is given one that asks here; libp11's is got again after each recovery. A
/// signature that fails makes the executor recover, since handshakes may be the first to notice. Thread-safe.
/// Blocks as long as the token takes, `patience` at most when it is away.
class TokenSigner : public std::enable_shared_from_this<TokenSigner> {
public:
    TokenSigner(Token& token, Executor& executor, TokenUri uri, std::chrono::milliseconds patience)
        : token_(&token), executor_(&executor), uri_(std::move(uri)), patience_(patience) {}

    /// The key as OpenSSL sees it: the public half, and private operations that come to sign(). Throws Error
    /// when the token has no such key.
    [[nodiscard]] EvpPkeyPtr openssl_key();

    /// Calls `use` with libp11's key until it answers true: once, and again after a recovery. False when that
    /// did not help.
    [[nodiscard]] bool sign(const std::function<bool(EVP_PKEY*)>& use) noexcept;

    /// Lets go of libp11's key; for Token, while nobody signs.
    void drop() noexcept;
    /// No more signatures: the token is being closed. Waits for those under way.
    void close() noexcept;
    [[nodiscard]] const TokenUri& uri() const noexcept { return uri_; }

private:
    [[nodiscard]] EvpPkeyPtr inner();
    [[nodiscard]] bool try_once(const std::function<bool(EVP_PKEY*)>& use);
    void recover(std::uint64_t seen_epoch);

    std::shared_mutex open_mutex_;  // held shared while signing, so that close() waits
    Token* token_;                  // null once closed
    Executor* executor_;
    const TokenUri uri_;
    const std::chrono::milliseconds patience_;

    std::mutex inner_mutex_;
    EvpPkeyPtr inner_;
};

}  // namespace coffer::crypto
