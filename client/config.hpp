#pragma once
// Where Coffer is, who we are, and how long we wait. No key or secret is in here: files are named.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace coffer::client {

/// How CachingClient keeps values.
struct CacheConfig {
    /// How long a value is served without asking again.
    std::chrono::milliseconds ttl = std::chrono::minutes(5);
    /// How long after `ttl` a value is still served when Coffer cannot be reached. 0 turns that off.
    std::chrono::milliseconds serve_stale_for = std::chrono::minutes(30);
    /// While stale values are served, Coffer is tried again no more often than this.
    std::chrono::milliseconds stale_retry_after = std::chrono::seconds(5);
    /// Values kept; the least recently used goes first.
    std::size_t entries_max = 1000;
};

struct Config {
    /// Name or address to connect to; IPv6 without brackets.
    std::string host;
    std::uint16_t port = 0;
    /// The name (or address) that the daemon's certificate must be for. Empty: `host`.
    std::string server_name;
    /// PEM: the authorities that the daemon's certificate may be from.
    std::filesystem::path ca_file;
    /// PEM: our certificate, followed by intermediate ones.
    std::filesystem::path cert_file;
    /// PEM: our private key, not encrypted. Nobody but its owner may read the file. All three files are read
    /// again for each connection, so renewed certificates are picked up.
    std::filesystem::path key_file;
    /// ARN of a role that every call is made as; it is assumed at the first one, and again before it expires.
    /// Empty: calls are made as the certificate's owner.
    std::string role;
    /// Its RoleSessionName: 2 to 64 letters, digits and "_+=,.@-".
    std::string role_session_name = "coffer";

    /// TCP, TLS and Hello together.
    std::chrono::milliseconds connect_timeout = std::chrono::seconds(5);
    /// From the call to its answer, repetitions included, unless CallOptions says otherwise.
    std::chrono::milliseconds deadline = std::chrono::seconds(10);
    /// How often one call is tried in all; 1: no repetition.
    unsigned attempts_max = 4;
    /// Before the n-th repetition: a random time between 0 and min(backoff_max, backoff_base * 2^n).
    std::chrono::milliseconds backoff_base = std::chrono::milliseconds(50);
    std::chrono::milliseconds backoff_max = std::chrono::seconds(2);
    /// Connections that are opened as load grows.
    std::size_t connections_max = 4;
    /// Calls that may wait for a connection with room.
    std::size_t waiting_max = 10'000;
    /// A connection on which requests wait and nothing has come for so long is given up when one of them runs
    /// out of time: its other end may be gone without a word (power, cable, firewall).
    std::chrono::milliseconds silence_max = std::chrono::seconds(5);
    /// Sent to the daemon for its log; at most 256 characters.
    std::string client_name;

    CacheConfig cache;

    [[nodiscard]] const std::string& name_to_verify() const noexcept {
        return server_name.empty() ? host : server_name;
    }
    /// "host:port", for messages.
    [[nodiscard]] std::string endpoint() const;
};

/// Sets host and port from "host:port", "[::1]:port". Throws ConfigError, which names `source` (where the
/// text was written: a variable, a key of a file).
void set_endpoint(Config& config, std::string_view text, std::string_view source);

/// The file that load_config reads: $COFFER_CONFIG, else $XDG_CONFIG_HOME/coffer/client.toml, else
/// ~/.config/coffer/client.toml.
[[nodiscard]] std::filesystem::path config_file();

/// Reads a TOML file over what `config` has. Throws ConfigError with file and line for a key that is not
/// known, a value of the wrong type or out of range.
void read_config_file(Config& config, const std::filesystem::path& file);

/// COFFER_ENDPOINT, COFFER_SERVER_NAME, COFFER_CA_FILE, COFFER_CERT_FILE, COFFER_KEY_FILE, COFFER_ROLE and
/// COFFER_ROLE_SESSION_NAME over what `config` has. An empty variable is as one that is not set.
void read_environment(Config& config);

/// The file (if there is one; it must exist when $COFFER_CONFIG names it), then the environment.
[[nodiscard]] Config load_config();

/// Throws ConfigError when something needed is missing or out of range, and says where to put it.
void require_usable(const Config& config);

}  // namespace coffer::client
