#include "client/config.hpp"

#include <toml++/toml.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <optional>
#include <system_error>

#include "client/errors.hpp"

namespace coffer::client {

namespace {

using std::chrono::milliseconds;

std::optional<std::string> environment(const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): read once, before threads
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
}

std::optional<milliseconds> parse_duration(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    constexpr std::int64_t kMost = 1'000'000'000;
    if (error != std::errc{} || number < 0 || number > kMost) return std::nullopt;
    const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    if (unit == "ms") return milliseconds(number);
    if (unit == "s") return std::chrono::seconds(number);
    if (unit == "m") return std::chrono::minutes(number);
    if (unit == "h") return std::chrono::hours(number);
    return std::nullopt;
}

/// One file on its way into a Config: where it is, and how its values are read.
class Reader {
public:
    Reader(Config& config, std::filesystem::path file) : config_(config), file_(std::move(file)) {}

    void read(const toml::table& root) {
        for (const auto& [key, node] : root) {
            if (key == "cache") {
                read_cache(node);
            } else {
                read_key(key.str(), node);
            }
        }
    }

private:
    void read_key(std::string_view key, const toml::node& node) {
        if (key == "endpoint") {
            set_endpoint(config_, text(key, node), where(node) + ": endpoint");
        } else if (key == "server_name") {
            config_.server_name = text(key, node);
        } else if (key == "ca_file") {
            config_.ca_file = path(key, node);
        } else if (key == "cert_file") {
            config_.cert_file = path(key, node);
        } else if (key == "key_file") {
            config_.key_file = path(key, node);
        } else if (key == "role") {
            config_.role = text(key, node);
        } else if (key == "role_session_name") {
            config_.role_session_name = text(key, node);
        } else if (key == "connect_timeout") {
            config_.connect_timeout = duration(key, node);
        } else if (key == "deadline") {
            config_.deadline = duration(key, node);
        } else if (key == "attempts") {
            config_.attempts_max = static_cast<unsigned>(number(key, node, 1, 100));
        } else if (key == "connections") {
            config_.connections_max = static_cast<std::size_t>(number(key, node, 1, 64));
        } else {
            unknown(key, node,
                    "endpoint, server_name, ca_file, cert_file, key_file, role, role_session_name, "
                    "connect_timeout, deadline, attempts, connections, [cache]");
        }
    }

    void read_cache(const toml::node& node) {
        const auto* table = node.as_table();
        if (table == nullptr) fail(node, "cache must be a table, [cache]");
        for (const auto& [key, value] : *table) {
            if (key == "ttl") {
                config_.cache.ttl = duration(key.str(), value);
            } else if (key == "serve_stale_for") {
                config_.cache.serve_stale_for = duration(key.str(), value);
            } else if (key == "entries") {
                config_.cache.entries_max = static_cast<std::size_t>(number(key.str(), value, 1, 1'000'000));
            } else {
                unknown(key.str(), value, "ttl, serve_stale_for, entries");
            }
        }
    }

    [[nodiscard]] std::string text(std::string_view key, const toml::node& node) const {
        if (const auto* value = node.as_string()) return value->get();
        fail(node, std::string(key) + " must be a text in quotes");
    }

    /// Relative to the file's folder; "~/" is the home folder.
    [[nodiscard]] std::filesystem::path path(std::string_view key, const toml::node& node) const {
        const std::string value = text(key, node);
        if (value.starts_with("~/")) {
            const auto home = environment("HOME");
            if (!home) fail(node, std::string(key) + " begins with ~/ and $HOME is not set");
            return std::filesystem::path(*home) / value.substr(2);
        }
        return std::filesystem::absolute(file_).parent_path() / value;
    }

    [[nodiscard]] milliseconds duration(std::string_view key, const toml::node& node) const {
        const auto* value = node.as_string();
        const auto parsed = value == nullptr ? std::nullopt : parse_duration(value->get());
        if (!parsed)
            fail(node, std::string(key) +
                           " must be a duration with its unit: \"500ms\", \"30s\", \"5m\" or \"2h\"");
        return *parsed;
    }

    [[nodiscard]] std::int64_t number(std::string_view key, const toml::node& node, std::int64_t least,
                                      std::int64_t most) const {
        const auto* value = node.as_integer();
        if (value == nullptr || value->get() < least || value->get() > most) {
            fail(node, std::string(key) + " must be a whole number from " + std::to_string(least) + " to " +
                           std::to_string(most));
        }
        return value->get();
    }

    [[noreturn]] void unknown(std::string_view key, const toml::node& node, std::string_view known) const {
        fail(node, "'" + std::string(key) + "' is not a known key (known: " + std::string(known) + ")");
    }

    [[noreturn]] void fail(const toml::node& node, const std::string& what) const {
        throw ConfigError(where(node) + ": " + what);
    }

    [[nodiscard]] std::string where(const toml::node& node) const {
        return file_.string() + ":" + std::to_string(node.source().begin.line);
    }

    Config& config_;
    std::filesystem::path file_;
};

void require_file(const std::filesystem::path& file, std::string_view variable, std::string_view key,
                  std::string_view meaning) {
    if (!file.empty()) return;
    throw ConfigError("no " + std::string(meaning) + " is configured: set " + std::string(variable) +
                      ", or " + std::string(key) + " in " + config_file().string());
}

}  // namespace

std::string Config::endpoint() const {
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

void set_endpoint(Config& config, std::string_view text, std::string_view source) {
    const auto colon = text.rfind(':');
    const auto port_text = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
    auto host = text.substr(0, colon == std::string_view::npos ? 0 : colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        host = {};  // an IPv6 address without brackets: where it ends is a guess
    }
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
    if (host.empty() || error != std::errc{} || end != port_text.data() + port_text.size() || port == 0) {
        throw ConfigError(std::string(source) + " is '" + std::string(text) +
                          "'; it must be host:port, e.g. coffer.example.org:7443 or [::1]:7443");
    }
    config.host = host;
    config.port = port;
}

std::filesystem::path config_file() {
    if (const auto named = environment("COFFER_CONFIG")) return *named;
    if (const auto xdg = environment("XDG_CONFIG_HOME"))
        return std::filesystem::path(*xdg) / "coffer/client.toml";
    const auto home = environment("HOME");
    return std::filesystem::path(home.value_or("/")) / ".config/coffer/client.toml";
}

void read_config_file(Config& config, const std::filesystem::path& file) {
    toml::table root;
    try {
        root = toml::parse_file(file.string());
    } catch (const toml::parse_error& e) {
        const auto line = e.source().begin.line;
        throw ConfigError(file.string() + (line > 0 ? ":" + std::to_string(line) : "") + ": " +
                          std::string(e.description()));
    }
    Reader(config, file).read(root);
}

void read_environment(Config& config) {
    if (const auto value = environment("COFFER_ENDPOINT")) set_endpoint(config, *value, "COFFER_ENDPOINT");
    if (const auto value = environment("COFFER_SERVER_NAME")) config.server_name = *value;
    if (const auto value = environment("COFFER_CA_FILE")) config.ca_file = *value;
    if (const auto value = environment("COFFER_CERT_FILE")) config.cert_file = *value;
    if (const auto value = environment("COFFER_KEY_FILE")) config.key_file = *value;
    if (const auto value = environment("COFFER_ROLE")) config.role = *value;
    if (const auto value = environment("COFFER_ROLE_SESSION_NAME")) config.role_session_name = *value;
}

Config load_config() {
    Config config;
    const auto file = config_file();
    std::error_code ignored;
    if (environment("COFFER_CONFIG") || std::filesystem::exists(file, ignored))
        read_config_file(config, file);
    read_environment(config);
    return config;
}

void require_usable(const Config& config) {
    if (config.host.empty() || config.port == 0) {
        throw ConfigError(
            "no address of Coffer is configured: set COFFER_ENDPOINT to host:port, or endpoint in " +
            config_file().string());
    }
    require_file(config.ca_file, "COFFER_CA_FILE", "ca_file",
                 "CA file to check the daemon's certificate with");
    require_file(config.cert_file, "COFFER_CERT_FILE", "cert_file", "client certificate");
    require_file(config.key_file, "COFFER_KEY_FILE", "key_file", "client key");
    if (config.attempts_max == 0) throw ConfigError("attempts must be at least 1");
    if (config.connections_max == 0) throw ConfigError("connections must be at least 1");
    if (config.deadline <= milliseconds(0)) throw ConfigError("deadline must be longer than 0ms");
    if (config.connect_timeout <= milliseconds(0))
        throw ConfigError("connect_timeout must be longer than 0ms");
}

}  // namespace coffer::client
