#pragma once
// How fast the token is, and how many sessions it is worth using.

#include <chrono>
#include <vector>

#include "crypto/module.hpp"
#include "hsm-config/coffer_hsm/probe_crypto.hpp"

namespace coffer::hsm_config {

struct RateOptions {
    WrappingKey token_key;    ///< a master key as a token object
    WrappingKey session_key;  ///< the same as a session object, or one like it
    IvFinding iv;
    std::size_t payload_bytes = 1024;
    std::chrono::milliseconds time{200};  ///< for each rate
};

/// One session: random bytes, seal, encrypt, decrypt, wrap, open (unwrap, decrypt, destroy), make (generate,
/// wrap, destroy). Throws Pkcs11Error.
[[nodiscard]] std::vector<Rate> measure_rates(const crypto::Session& session, const RateOptions& options);

/// Sessions beside the open ones that the token gives, up to `wanted`; they are closed again.
[[nodiscard]] std::size_t count_sessions(const crypto::Module& module, crypto::SlotId slot,
                                         std::size_t wanted);

/// Decryptions a second at 1, 2, 4, ... threads up to `threads_max`, with a session and a data key each.
[[nodiscard]] std::vector<Rate> measure_threads(const crypto::Module& module, crypto::SlotId slot,
                                                const RateOptions& options, std::size_t threads_max);

/// The fewest threads that reach nine tenths of the best rate.
[[nodiscard]] std::size_t best_thread_count(const std::vector<Rate>& rates);

/// Data keys as session objects, up to `wanted`, at once; they are destroyed again.
[[nodiscard]] std::size_t count_key_handles(const crypto::Session& session, const WrappingKey& wrapping_key,
                                            std::size_t wanted);

}  // namespace coffer::hsm_config
