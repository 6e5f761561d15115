#include "daemon/server/log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <iterator>

namespace coffer::server {

namespace {

/// Lines that may wait for the writer.
constexpr std::size_t kQueueLines = 8192;

std::string_view level_name(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return "debug";
        case LogLevel::info:
            return "info";
        case LogLevel::warning:
            return "warning";
        case LogLevel::error:
            return "error";
    }
    return "error";
}

/// The length of the UTF-8 sequence (RFC 3629) at the head of `text`, 0 when it is not one.
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    const std::size_t length = first < 0x80                    ? 1
                               : first >= 0xC2 && first < 0xE0 ? 2
                               : first >= 0xE0 && first < 0xF0 ? 3
                               : first >= 0xF0 && first < 0xF5 ? 4
                                                               : 0;
    if (length == 0 || length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0U) != 0x80) return 0;
    }
    if (length < 3) return length;
    // Overlong forms, surrogates, and what lies beyond U+10FFFF.
    const unsigned char second = byte(1);
    const bool wrong = (first == 0xE0 && second < 0xA0) || (first == 0xED && second >= 0xA0) ||
                       (first == 0xF0 && second < 0x90) || (first == 0xF4 && second >= 0x90);
    return wrong ? 0 : length;
}

void append_escaped(std::string& out, char c) {
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            break;
    }
    const auto value = static_cast<unsigned char>(c);
    if (value < 0x20 || value == 0x7F) {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", value);
    } else {
        out += c;
    }
}

/// Whether a value can stand in a `key=value` line without quotes.
bool is_plain(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return c > ' ' && c < 0x7F && c != '"' && c != '\\' && c != '=';
    });
}

/// A field without text is left out of the line.
bool is_absent(const LogField& field) {
    const auto* text = std::get_if<std::string_view>(&field.value);
    return text != nullptr && text->empty();
}

void append_value(std::string& out, LogFormat format, const LogField& field) {
    if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
        fmt::format_to(std::back_inserter(out), "{}", *number);
    } else if (const auto* decimal = std::get_if<double>(&field.value)) {
        fmt::format_to(std::back_inserter(out), "{:.3f}", *decimal);
    } else {
        const auto text = std::get<std::string_view>(field.value);
        if (format == LogFormat::text && is_plain(text)) {
            out += text;
        } else {
            append_quoted(out, text);
        }
    }
}

/// RFC 3339 in UTC with milliseconds.
void append_time(std::string& out, std::chrono::system_clock::time_point time) {
    const auto since_epoch = time.time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_epoch);
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch - seconds);
    fmt::format_to(std::back_inserter(out), "{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                   fmt::gmtime(static_cast<std::time_t>(seconds.count())), ms.count());
}

}  // namespace

void append_quoted(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
        if (length == 0) {
            out += "\xEF\xBF\xBD";
            text.remove_prefix(1);
        } else if (length == 1) {
            append_escaped(out, text.front());
            text.remove_prefix(1);
        } else if (length == 2 && text[0] == '\xC2' && static_cast<unsigned char>(text[1]) < 0xA0) {
            // C1 controls: some terminals obey them.
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(text[1]));
            text.remove_prefix(2);
        } else {
            out += text.substr(0, length);
            text.remove_prefix(length);
        }
    }
    out += '"';
}

std::string format_log_line(LogFormat format, std::chrono::system_clock::time_point time, LogLevel level,
                            std::string_view message, std::initializer_list<LogField> fields) {
    std::string line;
    line.reserve(256);
    if (format == LogFormat::json) {
        line += R"({"time":")";
        append_time(line, time);
        line += R"(","level":")";
        line += level_name(level);
        line += R"(","message":)";
        append_quoted(line, message);
        for (const auto& field : fields) {
            if (is_absent(field)) continue;
            line += ",\"";
            line += field.name;
            line += "\":";
            append_value(line, format, field);
        }
        line += '}';
        return line;
    }
    line += "time=";
    append_time(line, time);
    line += " level=";
    line += level_name(level);
    line += " message=";
    append_quoted(line, message);
    for (const auto& field : fields) {
        if (is_absent(field)) continue;
        line += ' ';
        line += field.name;
        line += '=';
        append_value(line, format, field);
    }
    return line;
}

Log::Log(const LogConfig& config)
    : level_(config.level),
      format_(config.format),
      writer_(std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1)),
      logger_(
          std::make_shared<spdlog::async_logger>("cofferd", std::make_shared<spdlog::sinks::stderr_sink_mt>(),
                                                 writer_, spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_pattern("%v");
    logger_->set_level(spdlog::level::trace);
    logger_->flush_on(spdlog::level::trace);
}

Log::~Log() {
    // The logger only looks at the thread pool, whose destructor hands out what is queued and joins. The other
    // way round, the thread would let go of the logger without anything that orders its reads before our free.
    writer_.reset();
    logger_.reset();
}

void Log::write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
    if (!enabled(level)) return;
    logger_->log(spdlog::level::info,
                 spdlog::string_view_t(
                     format_log_line(format_, std::chrono::system_clock::now(), level, message, fields)));
}

}  // namespace coffer::server
