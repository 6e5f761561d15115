#include "daemon/rotation/redis_protocol.hpp"

#include <algorithm>
#include <charconv>

#include "daemon/rotation/function.hpp"

namespace coffer::rotation {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::size_t kLeastItemBytes = 3;  // "+\r\n"

[[noreturn]] void no_redis() {
    throw StepFailed(StepFailed::Kind::retry, "the server's answer is not Redis's, or too long");
}

/// Reads one reply from the front of what it was given.
class ReplyReader {
public:
    explicit ReplyReader(std::string_view bytes) : bytes_(bytes) {}

    /// False while it is not there as a whole.
    bool read(RedisReply& reply, int depth) {
        if (depth > kRedisReplyDepthMax || ++items_ > kRedisReplyItemsMax) no_redis();
        const auto line = next_line();
        if (!line) return false;
        if (line->empty()) no_redis();
        const auto rest = line->substr(1);
        switch (line->front()) {
            case '+':
                reply = {.kind = RedisReply::Kind::text, .text = std::string(rest)};
                return true;
            case '-':
                reply = {.kind = RedisReply::Kind::error, .text = std::string(rest)};
                return true;
            case ':':
                static_cast<void>(number(rest));
                reply = {.kind = RedisReply::Kind::integer, .text = std::string(rest)};
                return true;
            case '$':
                return read_text(reply, number(rest));
            case '*':
                return read_list(reply, number(rest), depth);
            default:
                no_redis();
        }
    }
    [[nodiscard]] std::size_t position() const noexcept { return position_; }
    /// Of a reply that is not there as a whole: how many bytes it has at least.
    [[nodiscard]] std::size_t least() const noexcept {
        return std::min(position_ + missing_, kRedisReplyBytesMax);
    }

private:
    std::optional<std::string_view> next_line() {
        const auto end = bytes_.find(kLineEnd, position_);
        if (end == std::string_view::npos) return std::nullopt;
        const auto line = bytes_.substr(position_, end - position_);
        position_ = end + kLineEnd.size();
        return line;
    }
    static std::int64_t number(std::string_view text) {
        std::int64_t value = 0;
        const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
        if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) no_redis();
        return value;
    }
    bool read_text(RedisReply& reply, std::int64_t size) {
        reply = {};
        if (size == -1) return true;
        if (size < 0 || size > static_cast<std::int64_t>(kRedisReplyBytesMax)) no_redis();
        const auto length = static_cast<std::size_t>(size);
        if (bytes_.size() - position_ < length + kLineEnd.size()) {
            missing_ += length + kLineEnd.size();
            return false;
        }
        if (bytes_.substr(position_ + length, kLineEnd.size()) != kLineEnd) no_redis();
        reply.kind = RedisReply::Kind::text;
        reply.text = bytes_.substr(position_, length);
        position_ += length + kLineEnd.size();
        return true;
    }
    bool read_list(RedisReply& reply, std::int64_t count, int depth) {
        reply = {};
        if (count == -1) return true;
        if (count < 0 || count > static_cast<std::int64_t>(kRedisReplyItemsMax)) no_redis();
        reply.kind = RedisReply::Kind::list;
        for (std::int64_t i = 0; i < count; ++i) {
            if (read(reply.list.emplace_back(), depth + 1)) continue;
            missing_ += static_cast<std::size_t>(count - i - 1) * kLeastItemBytes;
            return false;
        }
        return true;
    }

    const std::string_view bytes_;
    std::size_t position_ = 0;
    std::size_t items_ = 0;
    std::size_t missing_ = 0;  // behind position_, at least
};

}  // namespace

bool RedisReply::is_error(std::string_view code) const {
    return kind == Kind::error && text.substr(0, text.find(' ')) == code;
}

std::string redis_error_code(const RedisReply& reply) {
    if (reply.kind != RedisReply::Kind::error) return "not an error";
    const auto code = reply.text.substr(0, reply.text.find(' '));
    const bool is_code = !code.empty() && code.size() <= 32 &&
                         code.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos;
    return is_code ? code : "an error without a code";
}

crypto::SecretBytes redis_command(std::initializer_list<std::string_view> words) {
    const auto begin_of = [](std::string_view word) { return "$" + std::to_string(word.size()) + "\r\n"; };
    const auto head = "*" + std::to_string(words.size()) + "\r\n";
    std::size_t size = head.size();
    for (const auto word : words) size += begin_of(word).size() + word.size() + kLineEnd.size();
    crypto::SecretBytes command(size);
    auto place = std::ranges::copy(head, command.writable().begin()).out;
    for (const auto word : words) {
        place = std::ranges::copy(begin_of(word), place).out;
        place = std::ranges::copy(word, place).out;
        place = std::ranges::copy(kLineEnd, place).out;
    }
    return command;
}

std::optional<ReadRedisReply> read_redis_reply(std::string_view bytes, std::size_t* least) {
    ReplyReader reader(bytes.substr(0, kRedisReplyBytesMax));
    ReadRedisReply read;
    if (!reader.read(read.reply, 1)) {
        if (bytes.size() >= kRedisReplyBytesMax) no_redis();
        if (least != nullptr) *least = reader.least();
        return std::nullopt;
    }
    read.size = reader.position();
    return read;
}

}  // namespace coffer::rotation
