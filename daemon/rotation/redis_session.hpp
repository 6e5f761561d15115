#pragma once
// A connection to somebody else's Redis, for rotation functions: over TLS, with a limit for every call.

#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/rotation/patience.hpp"
#include "daemon/rotation/redis_protocol.hpp"

namespace coffer::rotation {

/// Used by one thread.
class RedisSession {
public:
    /// The server's certificate must be for `host`, by an authority of `ca_file` (empty: the system's).
    /// Throws StepFailed: hopeless where `host` is none, retry when the server cannot be reached or proven.
    [[nodiscard]] static RedisSession connect(const std::string& host, std::uint16_t port,
                                              const std::filesystem::path& ca_file, Patience patience);

    /// False when the server refuses this user or password. Throws StepFailed.
    [[nodiscard]] bool log_in(std::string_view user, std::string_view password, Patience patience);
    /// One command, and what is answered; errors are replies as well. Throws StepFailed (retry) when there is
    /// no answer in time.
    [[nodiscard]] RedisReply ask(std::initializer_list<std::string_view> words, Patience patience);

    RedisSession(RedisSession&&) noexcept;
    RedisSession& operator=(RedisSession&&) noexcept;
    ~RedisSession();

private:
    /// The connection, and what ends its waits.
    struct Wire;
    explicit RedisSession(std::unique_ptr<Wire> wire);

    std::unique_ptr<Wire> wire_;
    std::string received_;  // what has come, and is not a whole reply yet
};

}  // namespace coffer::rotation
