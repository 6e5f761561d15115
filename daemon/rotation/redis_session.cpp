#include "daemon/rotation/redis_session.hpp"

#include <array>
#include <chrono>

#include "daemon/net/tls_connection.hpp"
#include "daemon/rotation/end_watch.hpp"
#include "daemon/rotation/function.hpp"
#include "proto/utf8.hpp"

namespace coffer::rotation {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::size_t kMostShownCharacters = 300;

/// What is left of it. Throws StepFailed when nothing is.
milliseconds left_until(Patience patience) {
    const auto left = std::chrono::ceil<milliseconds>(patience.deadline() - std::chrono::steady_clock::now());
    if (left.count() > 0) return left;
    throw StepFailed(StepFailed::Kind::retry,
                     "the Redis server cannot be used: it timed out, no whole answer came");
}

StepFailed away(const std::exception& error) {
    return {StepFailed::Kind::retry, std::string("the Redis server cannot be used: ") +
                                         proto::printable(error.what(), kMostShownCharacters)};
}

}  // namespace

struct RedisSession::Wire {
    Wire(net::TlsTarget target, Patience patience)
        : connection(std::move(target)), watch(patience, [this](milliseconds) {
              connection.cancel();
              return true;
          }) {}

    net::TlsConnection connection;
    EndWatch watch;
};

RedisSession::RedisSession(std::unique_ptr<Wire> wire) : wire_(std::move(wire)) {}
RedisSession::RedisSession(RedisSession&&) noexcept = default;
RedisSession& RedisSession::operator=(RedisSession&&) noexcept = default;
RedisSession::~RedisSession() = default;

RedisSession RedisSession::connect(const std::string& host, std::uint16_t port,
                                   const std::filesystem::path& ca_file, Patience patience) {
    net::TlsTarget target;
    target.host = host;
    target.port = port;
    target.ca_file = ca_file;
    target.connect_timeout = left_until(patience);
    try {
        auto wire = std::make_unique<Wire>(std::move(target), patience);
        wire->connection.connect();
        return RedisSession(std::move(wire));
    } catch (const net::ConnectionError& error) {
        throw away(error);
    }
}

RedisReply RedisSession::ask(std::initializer_list<std::string_view> words, Patience patience) {
    const auto command = redis_command(words);
    const auto text = command.text();
    std::array<std::uint8_t, kReadBytes> piece{};
    try {
        wire_->connection.write(std::span(&text, 1), left_until(patience));
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
            const auto size = wire_->connection.read_some(piece, "read", left_until(patience));
            if (size == 0) wire_->connection.fail("read", "the server has ended the connection");
            received_.append(reinterpret_cast<const char*>(piece.data()), size);
        }
    } catch (const net::ConnectionError& error) {
        throw away(error);
    }
}

bool RedisSession::log_in(std::string_view user, std::string_view password, Patience patience) {
    const auto reply = ask({"AUTH", user, password}, patience);
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
