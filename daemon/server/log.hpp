#pragma once
// One line an event, machine-readable, on standard error. Whatever comes from outside is escaped: a name
// cannot end a line or move a terminal's cursor. Secrets, PINs and SQL never come here.

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "daemon/server/config.hpp"

namespace spdlog {
class logger;
namespace details {
class thread_pool;
}
}  // namespace spdlog

namespace coffer::server {

/// A name (a literal) and a value of a log line; left out when it is empty text. Views must live as long as
/// the call.
struct LogField {
    std::string_view name;
    std::variant<std::string_view, std::int64_t, double> value;
};

/// Thread-safe. Never blocks: lines are written by a thread of its own, and when that falls behind the
/// oldest lines are given up.
class Log {
public:
    explicit Log(const LogConfig& config);
    /// Writes what is still waiting.
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
    void debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
        write(LogLevel::debug, message, fields);
    }
    void info(std::string_view message, std::initializer_list<LogField> fields = {}) {
        write(LogLevel::info, message, fields);
    }
    void warning(std::string_view message, std::initializer_list<LogField> fields = {}) {
        write(LogLevel::warning, message, fields);
    }
    void error(std::string_view message, std::initializer_list<LogField> fields = {}) {
        write(LogLevel::error, message, fields);
    }
    [[nodiscard]] bool enabled(LogLevel level) const noexcept { return level >= level_; }

private:
    LogLevel level_;
    LogFormat format_;
    std::shared_ptr<spdlog::details::thread_pool> writer_;
    std::shared_ptr<spdlog::logger> logger_;
};

/// One line without its end, as Log writes it.
[[nodiscard]] std::string format_log_line(LogFormat format, std::chrono::system_clock::time_point time,
                                          LogLevel level, std::string_view message,
                                          std::initializer_list<LogField> fields);

/// Appends `text` as a JSON string, quotes included. Control characters are escaped, invalid UTF-8 becomes
/// U+FFFD.
void append_quoted(std::string& out, std::string_view text);

}  // namespace coffer::server
