#pragma once
// What an operator can set, typed, with every default in its place. docs/configuration.md describes each key.
// Plain values only: this header knows no other part of the daemon.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/base/errors.hpp"
#include "daemon/base/time.hpp"

namespace coffer::server {

/// Every problem of a configuration file, one a line: "FILE:LINE: what is wrong and what to write".
class ConfigError : public Error {
public:
    using Error::Error;
};

struct NodeConfig {
    std::string account;
    std::string region;
    std::string name;
    unsigned io_threads = 1;
};

struct HsmSection {
    std::filesystem::path module;
    std::vector<std::string> tokens;  ///< RFC 7512 URIs, of which exactly one names a token that is there
    std::filesystem::path pin_file;
    std::filesystem::path profile;
    std::filesystem::path token_dir;  ///< stands for {dir} in the profile's module_arguments; may be empty
    std::string default_key = "default";  ///< NAME of the master key of secrets that name none
    std::size_t queue_capacity = 4096;
    unsigned breaker_failures = 5;
    std::chrono::milliseconds breaker_probe_interval{500};
};

struct DatabaseSection {
    std::string conninfo;
    std::size_t connections = 8;
    std::size_t queue_capacity = 4096;
    std::chrono::milliseconds statement_timeout{5'000};
    std::chrono::milliseconds lock_timeout{3'000};
    std::chrono::milliseconds connect_timeout{3'000};
};

struct CacheSection {
    std::size_t max_bytes = 32U * 1024 * 1024;
    std::chrono::milliseconds serve_stale_for{30'000};
};

/// What is spoken on a listener: Coffer's own protocol, or AWS's API over HTTPS.
enum class ListenerProtocol : std::uint8_t { native, aws };

/// The certificates of a listener. `key` is a file or a `pkcs11:` URI.
struct TlsFiles {
    std::filesystem::path certificate;
    std::string key;
    std::vector<std::filesystem::path>
        client_ca;  ///< may be empty for `aws`: no client certificates are asked for
    std::vector<std::filesystem::path> crl;
};

struct ListenerConfig {
    std::string name;
    ListenerProtocol protocol = ListenerProtocol::native;
    std::string address;
    std::uint16_t port = 0;
    TlsFiles tls;
    std::size_t max_connections = 0;            ///< 0: LimitsConfig's
    std::vector<std::string> allowed_networks;  ///< checked CIDR blocks and addresses; empty: all
    std::filesystem::path policy;               ///< JSON; empty: none
};

struct HealthConfig {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;
};

struct LimitsConfig {
    std::size_t max_frame = 1024U * 1024;
    std::size_t max_in_flight = 128;
    std::chrono::milliseconds default_deadline{10'000};
    std::chrono::milliseconds max_deadline{60'000};
    std::chrono::milliseconds handshake_timeout{10'000};
    std::chrono::milliseconds hello_timeout{10'000};
    std::chrono::milliseconds frame_timeout{10'000};
    std::chrono::milliseconds write_timeout{30'000};
    std::chrono::milliseconds idle_timeout{600'000};
    std::size_t max_connections = 4096;
    std::uint64_t connections_per_second = 1000;          ///< 0: no limit
    std::size_t connections_per_principal = 0;            ///< 0: no limit
    std::uint64_t requests_per_second_per_principal = 0;  ///< 0: no limit
    /// Of the AWS endpoint's requests that need no signature, or that are refused before one was found right;
    /// of IPv6 for each /64. 0: no limit.
    std::uint64_t unsigned_requests_per_second_per_address = 50;
    std::chrono::milliseconds drain_timeout{20'000};
};

enum class LogLevel : std::uint8_t { debug, info, warning, error };
enum class LogFormat : std::uint8_t { text, json };
/// Which requests get a line of their own in the log.
enum class RequestLog : std::uint8_t { none, errors, writes, all };

struct LogConfig {
    LogLevel level = LogLevel::info;
    LogFormat format = LogFormat::text;
    RequestLog requests = RequestLog::writes;
};

/// Where a sink of audit events is, and how it is spoken to.
struct AuditSinkConfig {
    std::string host;
    std::uint16_t port = 0;
    std::string path;  ///< of an HTTPS sink: the request's target
    std::filesystem::path ca;
    std::filesystem::path certificate;  ///< shown to the sink; with `key`, or both empty
    std::filesystem::path key;
    std::chrono::milliseconds connect_timeout{10'000};
    std::chrono::milliseconds io_timeout{15'000};
};

struct AuditConfig {
    /// Without it nothing that is done can be proven: for measuring what it costs.
    bool enabled = true;
    std::filesystem::path directory;
    /// Where sinks' positions are kept.
    std::filesystem::path state_directory;
    std::chrono::milliseconds keep_for{400LL * 24 * 3'600'000};
    std::size_t segment_size = 64U * 1024 * 1024;
    std::uint64_t checkpoint_records = 10'000;
    std::chrono::milliseconds checkpoint_interval{10'000};
    std::size_t reserve = 8U * 1024 * 1024;
    std::size_t low_water = 256U * 1024 * 1024;
    /// Whether events are copied into PostgreSQL as well, to be searched, and for how long they stay there.
    bool database = true;
    std::chrono::milliseconds database_keep_for{90LL * 24 * 3'600'000};
    std::optional<AuditSinkConfig> syslog;
    std::optional<AuditSinkConfig> https;
};

/// The wrapping anew that follows the rotation of a master key.
struct MasterKeysSection {
    std::uint32_t rewrap_per_second = 0;  ///< data keys, on this node; 0: no limit
    std::size_t rewrap_batch = 256;       ///< data keys of one database statement
    std::size_t rewrap_lanes = 3;         ///< batches under way at a time
};

/// An address with the scheme https, in parts.
struct HttpsUrl {
    std::string host;
    std::uint16_t port = 443;
    std::string target = "/";  ///< path and query
};

/// Somebody whose tokens are taken by AssumeRoleWithWebIdentity. Its keys come from a file or from an
/// address.
struct OidcProviderConfig {
    std::string issuer;                  ///< "https://..."; as tokens have it
    std::vector<std::string> audiences;  ///< what tokens must be meant for
    std::filesystem::path jwks_file;     ///< empty: jwks_url
    HttpsUrl jwks_url;
    std::filesystem::path ca_file;  ///< whom the address's certificate may come from; empty: the system's
    std::chrono::milliseconds refresh_interval{3'600'000};
    std::chrono::milliseconds timeout{5'000};
};

/// What things cost. Prices in millionths of the currency's unit.
struct UsageSection {
    std::string currency;  ///< empty: no prices, no costs
    std::int64_t micros_per_10000_requests = 0;
    std::int64_t micros_per_secret_month = 0;
};

/// Rules for new passwords, as GetRandomPassword takes them.
struct RotationPassword {
    std::int64_t length = 32;
    std::string exclude_characters = ":/@\"'\\";
    bool exclude_numbers = false;
    bool exclude_punctuation = false;
    bool exclude_uppercase = false;
    bool exclude_lowercase = false;
    bool require_each_included_type = true;
};

struct RotationPasswordException {
    std::vector<std::string> secrets;  ///< patterns of names
    RotationPassword rules;
};

struct RotationPasswords {
    RotationPassword usual;
    std::vector<RotationPasswordException> exceptions;
};

/// What a rotation function does.
struct RandomFunctionSection {
    RotationPasswords password;
    std::string field;  ///< the member that becomes a new one; empty: the whole value
};

struct PostgresqlFunctionSection {
    RotationPasswords password;
    std::string tls = "verify-full";
    std::filesystem::path ca_file;  ///< empty: the system's
    std::string admin_secret;       ///< its name; empty: one user changes its own password
    bool send_plain_password = false;
    std::int64_t scram_iterations = 4096;
};

struct MysqlFunctionSection {
    RotationPasswords password;
    std::string tls = "verify-full";
    std::filesystem::path ca_file;  ///< empty: the system's
    std::string admin_secret;       ///< its name; empty: one user changes its own password
    bool send_plain_password = false;
};

struct RedisFunctionSection {
    RotationPasswords password;
    std::filesystem::path ca_file;  ///< empty: the system's
    std::string admin_secret;       ///< its name; empty: the user changes its own passwords
    bool allow_unsaved = false;
};

/// Everything that it needs is in the secret.
struct SshFunctionSection {};

struct OauthFunctionSection {
    HttpsUrl token_url;
    std::string grant;  ///< "client_credentials" or "refresh_token"
    std::string client_authentication = "basic";
    std::string scope;
    std::string audience;
    std::optional<HttpsUrl> test_url;
    std::filesystem::path ca_file;  ///< empty: the system's
};

/// One call of an API. Texts have places for fields: "${api_key}".
struct ApiCallSection {
    std::string method;
    std::string path;
    std::map<std::string, std::string> headers;
    std::string json;  ///< the body; at most one of the two is there
    std::string form;
};

struct ApiFunctionSection {
    HttpsUrl url;                                ///< its path is put before those of the calls
    std::filesystem::path ca_file;               ///< empty: the system's
    std::string admin_secret;                    ///< its name; empty: none
    std::map<std::string, std::string> headers;  ///< of all calls
    ApiCallSection create;
    std::map<std::string, std::string> take;  ///< the secret's fields, and where they are in create's answer
    bool repeatable = false;
    std::optional<ApiCallSection> test;
    std::optional<ApiCallSection> remove;  ///< `delete`
};

/// A program that coffer-runner starts.
struct ExecFunctionSection {
    RotationPasswords password;
    std::string program;          ///< its name in the runner's configuration
    bool makes_password = false;  ///< Coffer makes the new value, and not the program
    std::string field;            ///< with makes_password: as RandomFunctionSection's
};

/// A handler in the shape of AWS Lambda's, which coffer-runner runs.
struct LambdaFunctionSection {
    std::string program;  ///< its name in the runner's configuration
    std::string role;     ///< name of the role that it acts as
};

/// X.509 certificates, of an authority of the configuration or of a program that asks another one.
struct CertificateFunctionSection {
    std::string authority;                          ///< its name; empty: `program`
    std::string program;                            ///< its name in the runner's configuration
    std::filesystem::path ca_file;                  ///< with `program`: whom its certificates have to lead to
    std::vector<std::string> key_types{"ec-p256"};  ///< the first one where a secret names none
    std::vector<std::string> usages{"server", "client"};
    std::int64_t days = 90;
    std::int64_t renew_before_days = 0;      ///< 0: a third of `days`
    std::vector<std::string> allowed_names;  ///< patterns (daemon/certificates/allowed_names.hpp)
    bool allow_wildcards = false;
    bool revoke_superseded = false;
};

/// What a [[rotation_function]] has besides the keys that all of them have: by its `kind`.
using RotationFunctionKind =
    std::variant<RandomFunctionSection, PostgresqlFunctionSection, MysqlFunctionSection, RedisFunctionSection,
                 SshFunctionSection, OauthFunctionSection, ApiFunctionSection, ExecFunctionSection,
                 LambdaFunctionSection, CertificateFunctionSection>;

struct RotationFunctionSection {
    std::string name;
    std::string description;
    std::chrono::milliseconds timeout{30'000};
    unsigned at_once = 0;  ///< rotations that this node works on at a time; 0: as many as workers are free
    RotationFunctionKind kind;
};

/// A time at which no rotation begins by itself: `from` to `to`, or by a schedule.
struct RotationBlackoutSection {
    std::string name;
    std::vector<std::string> secrets;  ///< patterns of their names; empty: all
    Timestamp from{};
    Timestamp to{};
    std::string schedule;  ///< "cron(...)"; empty: once
    std::chrono::milliseconds lasts{};
};

/// Secrets of which at most one begins to rotate within `apart`.
struct RotationGroupSection {
    std::string name;
    std::vector<std::string> secrets;
    std::chrono::milliseconds apart{};
};

struct RotationSection {
    unsigned workers = 4;                       ///< 0: this node rotates nothing
    std::int64_t micros_begins_per_second = 0;  ///< millionths; 0: no limit
    std::int64_t attempts = 5;
    std::chrono::milliseconds retry_after{60'000};
    std::chrono::milliseconds retry_at_most{3'600'000};
    std::chrono::milliseconds lease{60'000};
    std::filesystem::path runner = "/run/coffer-runner/runner.sock";  ///< where coffer-runner listens
    std::string aws_endpoint;           ///< what handlers use: "https://HOST:PORT"; empty: there are none
    std::filesystem::path aws_ca_file;  ///< of that endpoint, on the runner's side; empty: the system's
    std::vector<RotationFunctionSection> functions;
    std::vector<RotationBlackoutSection> blackouts;
    std::vector<RotationGroupSection> groups;
};

/// Who issues certificates, with a key in the token.
struct CertificateAuthoritySection {
    std::string name;
    std::string key;                    ///< RFC 7512 URI; empty: the key "coffer/ca/NAME" of the token
    std::filesystem::path certificate;  ///< PEM: its own, then those that certify it
    std::int64_t max_days = 397;
    std::int64_t crl_days = 7;
    std::filesystem::path crl_file;  ///< empty: the revocation list is written nowhere
    std::string crl_url;             ///< empty: certificates name none
};

struct ProcessConfig {
    bool syscall_filter = true;
    bool lock_memory = true;
    std::size_t secure_heap = 1024U * 1024;
};

struct Config {
    NodeConfig node;
    HsmSection hsm;
    DatabaseSection database;
    CacheSection cache;
    std::vector<ListenerConfig> listeners;
    std::optional<HealthConfig> health;
    LimitsConfig limits;
    LogConfig log;
    AuditConfig audit;
    MasterKeysSection master_keys;
    UsageSection usage;
    RotationSection rotation;
    std::vector<CertificateAuthoritySection> certificate_authorities;
    std::vector<OidcProviderConfig> oidc_providers;
    ProcessConfig process;

    std::filesystem::path file;  ///< what load_config was given; empty after parse_config
    std::string source;          ///< its text
};

/// Reads and checks `file`. Nothing that it names is opened. Throws ConfigError.
[[nodiscard]] Config load_config(const std::filesystem::path& file);

/// Whether the file of `config` has another text than when it was loaded, or is gone.
[[nodiscard]] bool has_changed(const Config& config);

/// The same for text; `file` stands in messages and its folder is what relative paths belong to.
[[nodiscard]] Config parse_config(std::string_view text, const std::filesystem::path& file);

}  // namespace coffer::server
