#pragma once
// What PostgreSQL stores of a password (RFC 5803, of SCRAM-SHA-256), made here: libpq 15 makes a keyed HMAC
// of OpenSSL 3 anew for each iteration, which takes several times as long as OpenSSL's own PBKDF2.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace coffer::rotation {

/// RFC 7677, section 4: at least so many. PostgreSQL's own number as well.
inline constexpr std::uint32_t kScramIterations = 4096;
/// Who has a verifier and guesses needs 2^bits tries. Fewer iterations than the RFC's are for passwords that
/// do not depend on them: 4,096 are worth 12 bits more.
inline constexpr double kBitsWithoutIterations = 128;

/// Whether SASLprep (RFC 4013) leaves this password as it is: of ASCII alone.
[[nodiscard]] bool is_prepared(std::string_view password) noexcept;

/// "SCRAM-SHA-256$ITERATIONS:SALT$StoredKey:ServerKey" of `password`, which is_prepared(). Throws Error when
/// OpenSSL fails.
[[nodiscard]] std::string scram_verifier(std::string_view password, std::span<const std::uint8_t> salt,
                                         std::uint32_t iterations);
/// The same with a salt of its own.
[[nodiscard]] std::string scram_verifier(std::string_view password, std::uint32_t iterations);

}  // namespace coffer::rotation
