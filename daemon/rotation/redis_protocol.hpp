#pragma once
// RESP2, what Redis speaks (redis.io/docs/reference/protocol-spec): commands made, replies read. Pure.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/secret_bytes.hpp"

namespace coffer::rotation {

struct RedisReply {
    enum class Kind : std::uint8_t { text, error, integer, nothing, list };
    Kind kind = Kind::nothing;
    /// Of a text, an error ("WRONGPASS invalid ...") or an integer.
    std::string text{};
    std::vector<RedisReply> list{};

    [[nodiscard]] bool is_ok() const { return kind == Kind::text && text == "OK"; }
    /// An error of this code, its first word.
    [[nodiscard]] bool is_error(std::string_view code) const;
};

/// The first word of an error, which is Redis's own; what follows it may repeat what was sent.
[[nodiscard]] std::string redis_error_code(const RedisReply& reply);

/// A command and its arguments, as they are sent.
[[nodiscard]] crypto::SecretBytes redis_command(std::initializer_list<std::string_view> words);

/// What a server may answer with: bytes, texts and lists within lists.
inline constexpr std::size_t kRedisReplyBytesMax = 256 * 1024;
inline constexpr std::size_t kRedisReplyItemsMax = 10'000;
inline constexpr int kRedisReplyDepthMax = 8;

struct ReadRedisReply {
    RedisReply reply;
    std::size_t size = 0;  ///< of its bytes
};

/// The reply at the beginning of `bytes`; nothing while it is not there as a whole. Throws StepFailed (retry)
/// for what is no RESP2, or over the limits. `least`, where it is given, is told of how many bytes a reply
/// that is not whole must have in the end, at least.
[[nodiscard]] std::optional<ReadRedisReply> read_redis_reply(std::string_view bytes,
                                                             std::size_t* least = nullptr);

}  // namespace coffer::rotation
