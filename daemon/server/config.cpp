#include "daemon/server/config.hpp"

#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <cctype>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>

#include "daemon/server/allowed_networks.hpp"
#include "daemon/server/audit_config.hpp"
#include "daemon/server/certificate_config.hpp"
#include "daemon/server/oidc_config.hpp"
#include "daemon/server/rotation_config.hpp"
#include "daemon/server/token_uris.hpp"
#include "daemon/server/toml_reader.hpp"
#include "daemon/server/units.hpp"
#include "storage/conninfo.hpp"

namespace coffer::server {

namespace {

using std::chrono::milliseconds;
using Need = TableReader::Need;

constexpr milliseconds kOneMs{1};
constexpr milliseconds kNoTime{0};
/// Of a price, in units of its currency: costs of any month then fit their type.
constexpr std::int64_t kMostPrice = 1'000;
/// A configuration is a page of text; anything larger is some other file.
constexpr std::uintmax_t kMaxFileBytes = 1 * kMiB;

bool all_of(std::string_view text, bool (*allowed)(char)) {
    return std::all_of(text.begin(), text.end(), allowed);
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_name_character(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-';
}
bool is_region_character(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-';
}

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return "cofferd";
    return name.data();
}

/// One of a few words.
template <class Enum, std::size_t N>
void read_choice(TableReader& reader, std::string_view key, Enum& out,
                 const std::array<std::pair<std::string_view, Enum>, N>& choices) {
    std::string written;
    if (!reader.read_text(key, written)) return;
    std::string known;
    for (const auto& [name, value] : choices) {
        if (name == written) {
            out = value;
            return;
        }
        known += (known.empty() ? "\"" : ", \"") + std::string(name) + "\"";
    }
    reader.complain(key, "\"" + written + "\" is not known; choose one of " + known);
}

void read_address(TableReader& reader, std::string& out, Need need) {
    std::string written;
    if (!reader.read_text("address", written, need)) return;
    boost::system::error_code error;
    boost::asio::ip::make_address(written, error);
    if (error) {
        reader.complain("address", "\"" + written +
                                       "\" is not an IPv4 or IPv6 address (the port has a key "
                                       "of its own; host names are not looked up)");
        return;
    }
    out = written;
}

void read_node(TableReader& reader, NodeConfig& node) {
    if (reader.read_text("account", node.account, Need::required) &&
        (node.account.size() != 12 || !all_of(node.account, is_digit))) {
        reader.complain("account", "\"" + node.account + "\" is not an account number of 12 digits");
    }
    if (reader.read_text("region", node.region, Need::required) &&
        (node.region.size() > 64 || !all_of(node.region, is_region_character))) {
        reader.complain("region", "\"" + node.region +
                                      "\" must be at most 64 of a-z, 0-9 and '-', such as "
                                      "\"eu-central-1\"");
    }
    node.name = host_name();
    if (reader.read_text("name", node.name) &&
        (node.name.size() > 64 || !all_of(node.name, is_name_character))) {
        reader.complain("name", "must be at most 64 of A-Z, a-z, 0-9, '_', '.' and '-'");
    }
    reader.read_integer("io_threads", node.io_threads, 1, 64);
    reader.finish();
}

void check_tokens(TableReader& reader, const std::vector<std::string>& tokens) {
    if (tokens.empty() || tokens.size() > crypto::kTokenUrisMax) {
        reader.complain("token",
                        "must be one URI, or a list of 1 to " + std::to_string(crypto::kTokenUrisMax));
    }
    for (const auto& token : tokens) {
        if (!token.starts_with("pkcs11:")) {
            reader.complain("token", "must be an RFC 7512 URI, such as \"pkcs11:token=coffer\"");
        } else if (token.find("pin-value") != std::string::npos) {
            reader.complain("token", "must not contain a PIN; put it in a file and name that as 'pin_file'");
        } else {
            check_token_uri(reader, "token", token);
        }
    }
}

void read_hsm(TableReader& reader, HsmSection& hsm) {
    reader.read_path("module", hsm.module, Need::required);
    if (reader.read_text_or_texts("token", hsm.tokens, Need::required)) check_tokens(reader, hsm.tokens);
    reader.read_path("pin_file", hsm.pin_file, Need::required);
    reader.read_path("profile", hsm.profile, Need::required);
    reader.read_path("token_dir", hsm.token_dir);
    if (reader.read_text("default_key", hsm.default_key) && hsm.default_key.starts_with("alias/")) {
        reader.complain("default_key", "write the key's name alone, without \"alias/\"");
    }
    reader.read_integer("queue_capacity", hsm.queue_capacity, 1, 1'000'000);
    reader.read_integer("breaker_failures", hsm.breaker_failures, 1, 1000);
    reader.read_duration("breaker_probe_interval", hsm.breaker_probe_interval, kTenMs, kOneHour);
    reader.finish();
}

/// Whether a libpq connection string, of either form, holds a password (`sslpassword` included). Looks at the
/// words only: a password must not be in this file, whatever the rest of the string means.
bool holds_password(std::string_view conninfo) {
    static constexpr std::string_view kWord = "password";
    for (auto at = conninfo.find(kWord); at != std::string_view::npos; at = conninfo.find(kWord, at + 1)) {
        const auto next = conninfo.find_first_not_of(" \t", at + kWord.size());
        if (next != std::string_view::npos && conninfo[next] == '=') return true;
    }
    const auto scheme = conninfo.find("://");
    if (scheme == std::string_view::npos) return false;
    // A password with a '/' or an '@' in it is none to libpq, and would be in what it says of the string.
    const auto rest = conninfo.substr(scheme + 3);
    const auto place = rest.substr(0, rest.find('?'));
    const auto at = place.rfind('@');
    return at != std::string_view::npos && place.substr(0, at).find(':') != std::string_view::npos;
}

void read_database(TableReader& reader, DatabaseSection& database) {
    if (reader.read_text("conninfo", database.conninfo, Need::required)) {
        if (holds_password(database.conninfo)) {
            reader.complain("conninfo",
                            "must not contain a password; use peer or certificate authentication, or "
                            "'passfile=FILE'");
        } else if (const auto problem = storage::conninfo_problem(database.conninfo)) {
            reader.complain("conninfo", "libpq can never connect with it: " + *problem);
        }
    }
    reader.read_integer("connections", database.connections, 1, 1000);
    reader.read_integer("queue_capacity", database.queue_capacity, 1, 1'000'000);
    reader.read_duration("statement_timeout", database.statement_timeout, kTenMs, kOneHour);
    reader.read_duration("lock_timeout", database.lock_timeout, kTenMs, kOneHour);
    reader.read_duration("connect_timeout", database.connect_timeout, kTenMs, kOneHour);
    reader.finish();
}

void read_cache(TableReader& reader, CacheSection& cache) {
    reader.read_size("max_bytes", cache.max_bytes, 64 * kKiB, 64 * kGiB);
    reader.read_duration("serve_stale_for", cache.serve_stale_for, kNoTime, kOneDay);
    reader.finish();
}

std::vector<std::filesystem::path> resolved(const std::vector<std::string>& written,
                                            const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> paths;
    paths.reserve(written.size());
    for (const auto& path : written) paths.push_back(resolve_path(path, folder));
    return paths;
}

void read_networks(TableReader& reader, std::vector<std::string>& networks) {
    static constexpr std::string_view kKey = "allowed_networks";
    if (!reader.read_text_or_texts(kKey, networks, Need::optional)) return;
    if (networks.empty() || networks.size() > kMaxAllowedNetworks) {
        reader.complain(kKey, "must have 1 to " + std::to_string(kMaxAllowedNetworks) +
                                  " networks; leave the key out to let everybody connect");
    }
    for (const auto& network : networks) {
        if (const auto problem = network_problem(network)) reader.complain(kKey, *problem);
    }
}

void read_listener(TableReader& reader, ListenerConfig& listener, const std::filesystem::path& folder) {
    if (reader.read_text("name", listener.name, Need::required) &&
        (listener.name.size() > 64 || !all_of(listener.name, is_name_character))) {
        reader.complain("name", "must be at most 64 of A-Z, a-z, 0-9, '_', '.' and '-'");
    }
    static constexpr std::array<std::pair<std::string_view, ListenerProtocol>, 2> kProtocols{
        {{"native", ListenerProtocol::native}, {"aws", ListenerProtocol::aws}}};
    read_choice(reader, "protocol", listener.protocol, kProtocols);
    read_address(reader, listener.address, Need::required);
    reader.read_integer("port", listener.port, 0, 65535, Need::required);
    reader.read_path("certificate", listener.tls.certificate, Need::required);
    if (reader.read_text("key", listener.tls.key, Need::required)) {
        if (listener.tls.key.starts_with("pkcs11:")) {
            check_key_uri(reader, "key", listener.tls.key);
        } else {
            listener.tls.key = resolve_path(listener.tls.key, folder).string();
        }
    }
    std::vector<std::string> files;
    // AWS's clients prove who they are by signatures; a certificate may come on top.
    const auto need_ca = listener.protocol == ListenerProtocol::aws ? Need::optional : Need::required;
    if (reader.read_text_or_texts("client_ca", files, need_ca)) {
        if (files.empty()) reader.complain("client_ca", "must name at least one file");
        listener.tls.client_ca = resolved(files, folder);
    }
    if (reader.read_text_or_texts("crl", files, Need::optional)) {
        listener.tls.crl = resolved(files, folder);
        if (listener.tls.client_ca.empty() && need_ca == Need::optional) {
            reader.complain("crl", "is for client certificates, which 'client_ca' has to be there for");
        }
    }
    reader.read_integer("max_connections", listener.max_connections, 1, 1'000'000);
    read_networks(reader, listener.allowed_networks);
    reader.read_path("policy", listener.policy);
    reader.finish();
}

/// Whether both cannot be listened at: one of them would be refused by the kernel.
bool is_same_place(const std::string& address, std::uint16_t port, const std::string& other,
                   std::uint16_t other_port) {
    if (port == 0 || port != other_port || address.empty() || other.empty()) return false;
    const auto one = boost::asio::ip::make_address(address);
    const auto two = boost::asio::ip::make_address(other);
    return one == two || (one.is_v4() == two.is_v4() && (one.is_unspecified() || two.is_unspecified()));
}

/// Complains where one of `listeners` is at this place already.
void require_own_place(TableReader& reader, const std::string& address, std::uint16_t port,
                       const std::vector<ListenerConfig>& listeners) {
    const auto found = std::ranges::find_if(listeners, [&](const ListenerConfig& each) {
        return is_same_place(address, port, each.address, each.port);
    });
    if (found == listeners.end()) return;
    reader.complain("port", std::to_string(port) + " is that of the listener \"" + found->name + "\" at " +
                                found->address + " already: take another port or another address");
}

void read_listeners(const std::vector<const toml::table*>& tables, std::vector<ListenerConfig>& listeners,
                    ConfigProblems& problems) {
    std::set<std::string> names;
    for (const toml::table* table : tables) {
        TableReader reader(*table, "[[listener]]", problems);
        ListenerConfig listener;
        read_listener(reader, listener, problems.file().parent_path());
        if (!listener.name.empty() && !names.insert(listener.name).second) {
            reader.complain("name", "\"" + listener.name + "\" names another listener as well");
        }
        require_own_place(reader, listener.address, listener.port, listeners);
        listeners.push_back(std::move(listener));
    }
    if (tables.empty()) problems.add(0, "at least one [[listener]] is required");
}

void read_health(TableReader& reader, HealthConfig& health, const std::vector<ListenerConfig>& listeners) {
    read_address(reader, health.address, Need::optional);
    reader.read_integer("port", health.port, 0, 65535, Need::required);
    require_own_place(reader, health.address, health.port, listeners);
    reader.finish();
}

void read_limits(TableReader& reader, LimitsConfig& limits) {
    reader.read_size("max_frame", limits.max_frame, kKiB, 16 * kMiB);
    reader.read_integer("max_in_flight", limits.max_in_flight, 1, 10'000);
    reader.read_duration("default_deadline", limits.default_deadline, kOneMs, kOneHour);
    reader.read_duration("max_deadline", limits.max_deadline, kOneMs, kOneHour);
    if (limits.default_deadline > limits.max_deadline) {
        reader.complain("default_deadline", "must not be longer than 'max_deadline'");
    }
    reader.read_duration("handshake_timeout", limits.handshake_timeout, kOneMs, kOneHour);
    reader.read_duration("hello_timeout", limits.hello_timeout, kOneMs, kOneHour);
    reader.read_duration("frame_timeout", limits.frame_timeout, kOneMs, kOneHour);
    reader.read_duration("write_timeout", limits.write_timeout, kOneMs, kOneHour);
    reader.read_duration("idle_timeout", limits.idle_timeout, kOneMs, kOneDay);
    reader.read_integer("max_connections", limits.max_connections, 1, 1'000'000);
    reader.read_integer("connections_per_second", limits.connections_per_second, 0, 1'000'000);
    reader.read_integer("connections_per_principal", limits.connections_per_principal, 0, 1'000'000);
    reader.read_integer("requests_per_second_per_principal", limits.requests_per_second_per_principal, 0,
                        10'000'000);
    reader.read_integer("unsigned_requests_per_second_per_address",
                        limits.unsigned_requests_per_second_per_address, 0, 10'000'000);
    reader.read_duration("drain_timeout", limits.drain_timeout, kNoTime, kOneHour);
    reader.finish();
}

void read_log(TableReader& reader, LogConfig& log) {
    static constexpr std::array<std::pair<std::string_view, LogLevel>, 4> kLevels{
        {{"debug", LogLevel::debug},
         {"info", LogLevel::info},
         {"warning", LogLevel::warning},
         {"error", LogLevel::error}}};
    static constexpr std::array<std::pair<std::string_view, LogFormat>, 2> kFormats{
        {{"text", LogFormat::text}, {"json", LogFormat::json}}};
    static constexpr std::array<std::pair<std::string_view, RequestLog>, 4> kRequests{
        {{"none", RequestLog::none},
         {"errors", RequestLog::errors},
         {"writes", RequestLog::writes},
         {"all", RequestLog::all}}};
    read_choice(reader, "level", log.level, kLevels);
    read_choice(reader, "format", log.format, kFormats);
    read_choice(reader, "requests", log.requests, kRequests);
    reader.finish();
}

void read_master_keys(TableReader& reader, MasterKeysSection& keys) {
    reader.read_integer("rewrap_per_second", keys.rewrap_per_second, 0, 10'000'000);
    reader.read_integer("rewrap_batch", keys.rewrap_batch, 1, 4096);
    reader.read_integer("rewrap_lanes", keys.rewrap_lanes, 1, 16);
    reader.finish();
}

void read_usage(TableReader& reader, UsageSection& usage) {
    const bool requests =
        reader.read_millionths("price_per_10000_requests", usage.micros_per_10000_requests, kMostPrice);
    const bool secrets =
        reader.read_millionths("price_per_secret_month", usage.micros_per_secret_month, kMostPrice);
    const auto need = requests || secrets ? Need::required : Need::optional;
    if (reader.read_text("currency", usage.currency, need) &&
        (usage.currency.size() > 8 || !all_of(usage.currency, is_name_character))) {
        reader.complain("currency", "must be at most 8 of A-Z, a-z, 0-9, '_', '.' and '-', such as \"USD\"");
    }
    reader.finish();
}

void read_process(TableReader& reader, ProcessConfig& process) {
    reader.read_flag("syscall_filter", process.syscall_filter);
    reader.read_flag("lock_memory", process.lock_memory);
    if (reader.read_size("secure_heap", process.secure_heap, 64 * kKiB, 64 * kMiB) &&
        (process.secure_heap & (process.secure_heap - 1)) != 0) {
        reader.complain("secure_heap", "must be a power of two, such as \"1MiB\"");
    }
    reader.finish();
}

/// Reads the table `key` with `read`, when it is there.
template <class Section, class Read>
bool read_section(TableReader& root, std::string_view key, Need need, Section& section, Read read,
                  ConfigProblems& problems) {
    const toml::table* table = root.find_table(key, need);
    if (table == nullptr) return false;
    TableReader reader(*table, "[" + std::string(key) + "]", problems);
    read(reader, section);
    return true;
}

/// What older configurations said about access. Ignoring it would leave its author with a false belief.
void refuse_access(TableReader& root, ConfigProblems& problems) {
    const toml::table* table = root.find_table("access", Need::optional);
    if (table == nullptr) return;
    TableReader reader(*table, "[access]", problems);
    std::vector<std::string> names;
    if (table->contains("administrators")) {
        reader.complain(
            "administrators",
            "is no longer read. Administrators are users with the policy AdministratorAccess: make the first "
            "one with 'cofferd bootstrap --config FILE --identity NAME', the others with 'coffer iam' "
            "(docs/iam.md), and remove this table");
        static_cast<void>(reader.read_texts("administrators", names));
    }
    reader.finish();
}

Config read_all(const toml::table& table, ConfigProblems& problems) {
    Config config;
    TableReader root(table, "the file", problems);
    read_section(root, "node", Need::required, config.node, read_node, problems);
    read_section(root, "hsm", Need::required, config.hsm, read_hsm, problems);
    read_section(root, "database", Need::required, config.database, read_database, problems);
    read_section(root, "cache", Need::optional, config.cache, read_cache, problems);
    refuse_access(root, problems);
    read_listeners(root.find_tables("listener"), config.listeners, problems);
    HealthConfig health;
    const auto read_its_health = [&config](TableReader& reader, HealthConfig& section) {
        read_health(reader, section, config.listeners);
    };
    if (read_section(root, "health", Need::optional, health, read_its_health, problems))
        config.health = health;
    read_section(root, "limits", Need::optional, config.limits, read_limits, problems);
    read_section(root, "log", Need::optional, config.log, read_log, problems);
    read_audit(root, config.audit, problems);
    read_section(root, "master_keys", Need::optional, config.master_keys, read_master_keys, problems);
    read_section(root, "usage", Need::optional, config.usage, read_usage, problems);
    read_certificate_authorities(root, config, problems);
    read_rotation(root, config.rotation, problems);
    require_known_authorities(root, config, problems);
    read_oidc_providers(root, config.oidc_providers, problems);
    read_section(root, "process", Need::optional, config.process, read_process, problems);
    root.finish();
    return config;
}

std::string read_file(const std::filesystem::path& file) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error)) {
        if (error == std::errc::permission_denied) {
            throw ConfigError(file.string() +
                              ": cannot be looked at: a folder on the way to it is closed to this user");
        }
        throw ConfigError(file.string() + ": there is no such file (or it is not a regular one)");
    }
    if (std::filesystem::file_size(file, error) > kMaxFileBytes) {
        throw ConfigError(file.string() + ": the file is over 1 MiB, which is no configuration");
    }
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    if (!in) throw ConfigError(file.string() + ": cannot be read; check its mode and owner");
    return std::move(text).str();
}

}  // namespace

Config parse_config(std::string_view text, const std::filesystem::path& file) {
    ConfigProblems problems(file);
    toml::table table;
    try {
        table = toml::parse(text, file.string());
    } catch (const toml::parse_error& error) {
        problems.add(error.source().begin.line, "not valid TOML: " + std::string(error.description()));
        throw ConfigError(problems.text());
    }
    Config config = read_all(table, problems);
    if (!problems.empty()) throw ConfigError(problems.text());
    return config;
}

Config load_config(const std::filesystem::path& file) {
    auto text = read_file(file);
    Config config = parse_config(text, file);
    config.file = file;
    config.source = std::move(text);
    return config;
}

bool has_changed(const Config& config) {
    try {
        return read_file(config.file) != config.source;
    } catch (const ConfigError&) {
        return true;
    }
}

}  // namespace coffer::server
