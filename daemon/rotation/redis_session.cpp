#include "daemon/rotation/redis_session.hpp"

#include <array>
#include <chrono>

#include "daemon/net/tls_connection.hpp"
#include "daemon/rotation/function.hpp"
#include "proto/utf8.hpp"

namespace coffer::rotation {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::size_t kMostShownCharacters = 300;

/// What is left until the deadline, which is not over. Throws StepFailed.
milliseconds left_until(Deadline deadline) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() > 0) return left;
    throw StepFailed(StepFailed::Kind::retry,
                     "the Redis server cannot be used: it timed out, no whole answer came");
}

StepFailed away(const std::exception& error) {
    return {StepFailed::Kind::retry, std::string("the Redis server cannot be used: ") +
                                         proto::printable(error.what(), kMostShownCharacters)};
}

}  // namespace

RedisSession::RedisSession(std::unique_ptr<net::TlsConnection> connection)
    : connection_(std::move(connection)) {}
RedisSession::RedisSession(RedisSession&&) noexcept = default;
RedisSession& RedisSession::operator=(RedisSession&&) noexcept = default;
RedisSession::~RedisSession() = default;

RedisSession RedisSession::connect(const std::string& host, std::uint16_t port,
                                   const std::filesystem::path& ca_file, Deadline deadline) {
    net::TlsTarget target;
    target.host = host;
    target.port = port;
    target.ca_file = ca_file;
    target.connect_timeout = left_until(deadline);
    try {
        auto connection = std::make_unique<net::TlsConnection>(std::move(target));
        connection->connect();
        return RedisSession(std::move(connection));
    } catch (const net::ConnectionError& error) {
        throw away(error);
    }
}

RedisReply RedisSession::ask(std::initializer_list<std::string_view> words, Deadline deadline) {
    const auto command = redis_command(words);
    const auto text = command.text();
    std::array<std::uint8_t, kReadBytes> piece{};
    try {
        connection_->write(std::span(&text, 1), left_until(deadline));
        std::size_t looked_at = 0;
        std::size_t least = 0;
        while (true) {
            // Every reply ends with a line's end: for a server that sends byte by byte, not all is read anew
            // for each of them. What is too long is refused by the reader.
            const bool may_be_whole =
                received_.size() >= least && received_.find('\n', looked_at) != std::string::npos;
            if (may_be_whole || received_.size() >= kRedisReplyBytesMax) {
                if (auto read = read_redis_reply(received_, &least)) {
                    received_.erase(0, read->size);
                    return std::move(read->reply);
                }
                looked_at = received_.size();
            }
            const auto size = connection_->read_some(piece, "read", left_until(deadline));
            if (size == 0) connection_->fail("read", "the server has ended the connection");
            received_.append(reinterpret_cast<const char*>(piece.data()), size);
        }
    } catch (const net::ConnectionError& error) {
        throw away(error);
    }
}

bool RedisSession::log_in(std::string_view user, std::string_view password, Deadline deadline) {
    const auto reply = ask({"AUTH", user, password}, deadline);
    if (reply.is_ok()) return true;
    if (reply.is_error("WRONGPASS")) return false;
    // Redis itself repeats what it does not understand, the password among it.
    if (reply.is_error("ERR") && reply.text.find("wrong number") != std::string::npos) {
        throw StepFailed(StepFailed::Kind::hopeless,
                         "the server does not know users with passwords: Redis 6 or newer is needed");
    }
    throw StepFailed(StepFailed::Kind::retry,
                     "the Redis server does not answer the login: " + redis_error_code(reply));
}

}  // namespace coffer::rotation
