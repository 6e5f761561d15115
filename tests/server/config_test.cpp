// The configuration: what is read, and how each mistake is worded.

#include "daemon/server/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <variant>

#include "daemon/server/units.hpp"

namespace coffer::server {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kSmallest = R"([node]
account = "111122223333"
region = "eu-central-1"

[hsm]
module = "/usr/lib/softhsm/libsofthsm2.so"
token = "pkcs11:token=coffer"
pin_file = "pin"
profile = "../profiles/softhsm2.toml"

[database]
conninfo = "host=/run/postgresql dbname=coffer"

[audit]
directory = "audit"
state_directory = "audit-state"

[[listener]]
name = "inner"
address = "127.0.0.1"
port = 7443
certificate = "server.pem"
key = "server.key"
client_ca = "ca.pem"
)";

Config parse(const std::string& text) {
    return parse_config(text, "/etc/coffer/cofferd.toml");
}

/// The problems of the smallest configuration with `more` at its end.
std::string problems_with(const std::string& more) {
    try {
        (void)parse(std::string(kSmallest) + more);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "none";
}

/// The problems after replacing `from` by `to` in the smallest configuration.
std::string problems_after(std::string_view from, std::string_view to) {
    std::string text(kSmallest);
    text.replace(text.find(from), from.size(), to);
    try {
        (void)parse(text);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "none";
}

TEST(ConfigFile, TheSmallestOneHasTheDocumentedDefaults) {
    const Config config = parse(std::string(kSmallest));
    EXPECT_EQ(config.node.account, "111122223333");
    EXPECT_FALSE(config.node.name.empty());
    EXPECT_EQ(config.node.io_threads, 1U);
    EXPECT_EQ(config.hsm.pin_file, "/etc/coffer/pin");
    EXPECT_EQ(config.hsm.profile, "/etc/profiles/softhsm2.toml");
    EXPECT_EQ(config.hsm.queue_capacity, 4096U);
    EXPECT_EQ(config.database.connections, 8U);
    EXPECT_EQ(config.cache.max_bytes, 32U * 1024 * 1024);
    EXPECT_EQ(config.cache.serve_stale_for, milliseconds(30'000));
    ASSERT_EQ(config.listeners.size(), 1U);
    EXPECT_EQ(config.listeners[0].tls.key, "/etc/coffer/server.key");
    EXPECT_EQ(config.listeners[0].tls.client_ca.front(), "/etc/coffer/ca.pem");
    EXPECT_TRUE(config.listeners[0].tls.crl.empty());
    EXPECT_FALSE(config.health.has_value());
    EXPECT_EQ(config.limits.max_frame, 1024U * 1024);
    EXPECT_EQ(config.limits.max_in_flight, 128U);
    EXPECT_EQ(config.limits.drain_timeout, milliseconds(20'000));
    EXPECT_EQ(config.log.level, LogLevel::info);
    EXPECT_EQ(config.log.requests, RequestLog::writes);
    EXPECT_TRUE(config.process.syscall_filter);
}

TEST(ConfigFile, ATokenIsOneUriOrAList) {
    EXPECT_THAT(parse(std::string(kSmallest)).hsm.tokens, ElementsAre("pkcs11:token=coffer"));
    const std::string one = "\"pkcs11:token=coffer\"";
    std::string text(kSmallest);
    text.replace(text.find(one), one.size(), R"(["pkcs11:serial=17", "pkcs11:serial=18"])");
    EXPECT_THAT(parse(text).hsm.tokens, ElementsAre("pkcs11:serial=17", "pkcs11:serial=18"));
    EXPECT_THAT(problems_after(one, "[]"), HasSubstr("1 to 16"));
    EXPECT_THAT(problems_after(one, R"(["pkcs11:serial=17", "18"])"), HasSubstr("RFC 7512"));
    EXPECT_THAT(problems_after(one, R"(["pkcs11:serial=17?pin-value=1234"])"),
                AllOf(HasSubstr("PIN"), Not(HasSubstr("1234"))));
    EXPECT_THAT(problems_after(one, "17"), HasSubstr("'token'"));
}

TEST(ConfigFile, EverySectionIsRead) {
    const Config config = parse(std::string(kSmallest) + R"(
crl = ["a.crl", "/b.crl"]
max_connections = 7
[[listener]]
name = "outer"
protocol = "native"
address = "::1"
port = 0
certificate = "c"
key = "pkcs11:token=coffer;object=tls"
client_ca = ["one", "two"]
[cache]
max_bytes = "1MiB"
serve_stale_for = "0s"
[health]
port = 9464
[limits]
max_frame = 65536
max_in_flight = 1
idle_timeout = "2h"
frame_timeout = "1500ms"
requests_per_second_per_principal = 50
[log]
level = "debug"
format = "json"
requests = "all"
[process]
syscall_filter = false
secure_heap = "2MiB"
)");
    ASSERT_EQ(config.listeners.size(), 2U);
    EXPECT_EQ(config.listeners[0].tls.crl.size(), 2U);
    EXPECT_EQ(config.listeners[0].tls.crl[0], "/etc/coffer/a.crl");
    EXPECT_EQ(config.listeners[0].tls.crl[1], "/b.crl");
    EXPECT_EQ(config.listeners[0].max_connections, 7U);
    EXPECT_EQ(config.listeners[1].tls.key, "pkcs11:token=coffer;object=tls");
    EXPECT_EQ(config.listeners[1].tls.client_ca.size(), 2U);
    EXPECT_EQ(config.cache.max_bytes, 1024U * 1024);
    EXPECT_EQ(config.cache.serve_stale_for, milliseconds(0));
    ASSERT_TRUE(config.health.has_value());
    EXPECT_EQ(config.health->address, "127.0.0.1");
    EXPECT_EQ(config.health->port, 9464);
    EXPECT_EQ(config.limits.max_frame, 65536U);
    EXPECT_EQ(config.limits.idle_timeout, milliseconds(7'200'000));
    EXPECT_EQ(config.limits.frame_timeout, milliseconds(1500));
    EXPECT_EQ(config.limits.requests_per_second_per_principal, 50U);
    EXPECT_EQ(config.log.format, LogFormat::json);
    EXPECT_FALSE(config.process.syscall_filter);
    EXPECT_EQ(config.process.secure_heap, 2U * 1024 * 1024);
}

TEST(ConfigFile, AnUnknownKeyIsAnErrorWithItsLineAndAGuess) {
    EXPECT_EQ(problems_after("region", "regoin"),
              "/etc/coffer/cofferd.toml:1: [node] lacks 'region', which is required\n"
              "/etc/coffer/cofferd.toml:3: unknown key 'regoin' in [node]; did you mean 'region'?");
    EXPECT_THAT(problems_with("[limit]\nmax_frame = 1\n"), HasSubstr("unknown key 'limit'"));
    EXPECT_THAT(problems_with("[limit]\nmax_frame = 1\n"), HasSubstr("did you mean 'limits'?"));
    EXPECT_THAT(problems_with("[log]\nxyzzy = 1\n"),
                AllOf(HasSubstr(":26: unknown key 'xyzzy' in [log]"), Not(HasSubstr("did you mean"))));
}

TEST(ConfigFile, AllProblemsAreListedAtOnce) {
    const std::string problems = problems_with(R"([limits]
max_frame = "1 MB"
max_in_flight = 0
idle_timeout = 30
[log]
level = "loud"
)");
    EXPECT_THAT(problems, HasSubstr(":26: [limits] 'max_frame': must be a size"));
    EXPECT_THAT(problems,
                HasSubstr(":27: [limits] 'max_in_flight': 0 is out of range; it must be from 1 to 10000"));
    EXPECT_THAT(problems, HasSubstr(":28: [limits] 'idle_timeout': must be a duration with its unit"));
    EXPECT_THAT(problems, HasSubstr(":30: [log] 'level': \"loud\" is not known; choose one of \"debug\""));
}

TEST(ConfigFile, TypesAreNotConverted) {
    EXPECT_THAT(problems_after("port = 7443", "port = \"7443\""),
                HasSubstr("'port': must be a whole number, not text"));
    EXPECT_THAT(problems_after("port = 7443", "port = 7443.0"), HasSubstr("not a decimal number"));
    EXPECT_THAT(problems_after("port = 7443", "port = 65536"), HasSubstr("must be from 0 to 65535"));
    EXPECT_THAT(problems_after("port = 7443", "port = -1"), HasSubstr("must be from 0 to 65535"));
    EXPECT_THAT(problems_after("account = \"111122223333\"", "account = 111122223333"),
                HasSubstr("must be text, not a whole number"));
    EXPECT_THAT(problems_with("[process]\nsyscall_filter = \"no\"\n"),
                HasSubstr("must be true or false, not text"));
}

TEST(ConfigFile, TheAuditJournalIsNeverLeftOutByMistake) {
    EXPECT_THAT(problems_after("[audit]\ndirectory = \"audit\"\nstate_directory = \"audit-state\"\n", ""),
                HasSubstr("the table [audit] is missing"));
    EXPECT_THAT(problems_after("directory = \"audit\"", ""), HasSubstr("[audit] lacks 'directory'"));
    std::string text(kSmallest);
    text.replace(text.find("directory = \"audit\""), 19, "enabled = false");
    EXPECT_FALSE(parse(text).audit.enabled);
    EXPECT_EQ(parse(std::string(kSmallest)).audit.directory, "/etc/coffer/audit");
}

TEST(ConfigFile, AuditSinks) {
    const std::string directory = "directory = \"audit\"\nstate_directory = \"audit-state\"";
    const std::string alone = "directory = \"audit\"\ndatabase = false";
    EXPECT_THAT(problems_after(directory, alone + "\n[audit.syslog]\nhost = \"log\"\nca = \"ca\""),
                HasSubstr("'state_directory': is required with a sink"));
    const std::string with_state = "directory = \"audit\"\nstate_directory = \"state\"\n";
    EXPECT_THAT(
        problems_after(directory, with_state + "[audit.https]\nhost = \"h\"\nca = \"ca\"\npath = \"x\""),
        HasSubstr("[audit.https] 'path': must begin with '/'"));
    EXPECT_THAT(problems_after(directory, with_state + "[audit.https]\nhost = \"h\"\nca = \"ca\"\npath = "
                                                       "\"/x\"\nkey = \"k\""),
                HasSubstr("'certificate' and 'key' go together"));
    EXPECT_THAT(problems_after(directory, with_state + "keep_for = \"59m\""), HasSubstr("'keep_for'"));
    std::string text(kSmallest);
    text.replace(text.find(directory), directory.size(),
                 with_state +
                     "keep_for = \"30d\"\n[audit.syslog]\nhost = \"log\"\nca = \"/ca\"\n"
                     "[audit.https]\nhost = \"h\"\nport = 8443\npath = \"/v1\"\nca = \"ca\"\n");
    const auto audit = parse(text).audit;
    EXPECT_EQ(audit.keep_for, milliseconds(30LL * 86'400'000));
    EXPECT_EQ(audit.syslog->port, 6514);  // RFC 5425, 4.1
    EXPECT_EQ(audit.syslog->ca, "/ca");
    EXPECT_EQ(audit.https->port, 8443);
    EXPECT_EQ(audit.https->path, "/v1");
}

TEST(ConfigFile, AuditEventsInTheDatabase) {
    const std::string state = "state_directory = \"audit-state\"";
    const auto usual = parse(std::string(kSmallest)).audit;
    EXPECT_TRUE(usual.database);
    EXPECT_EQ(usual.database_keep_for, milliseconds(90LL * 86'400'000));
    EXPECT_THAT(problems_after(state, ""), HasSubstr("'state_directory': is required"));
    EXPECT_EQ(problems_after(state, "database = false"), "none");
    EXPECT_EQ(problems_after(state, "enabled = false"), "none");
    EXPECT_THAT(problems_after(state, state + "\ndatabase_keep_for = \"23h\""),
                HasSubstr("'database_keep_for'"));
    std::string text(kSmallest);
    text.replace(text.find(state), state.size(), state + "\ndatabase_keep_for = \"30d\"");
    EXPECT_EQ(parse(text).audit.database_keep_for, milliseconds(30LL * 86'400'000));
}

TEST(ConfigFile, SaysWhatReplacedTheListOfAdministrators) {
    EXPECT_THAT(
        problems_with("[access]\nadministrators = [\"alice\"]\n"),
        AllOf(HasSubstr("[access] 'administrators': is no longer read"), HasSubstr("cofferd bootstrap")));
}

TEST(ConfigFile, ValuesAreChecked) {
    EXPECT_THAT(problems_after("111122223333", "11112222333"), HasSubstr("12 digits"));
    EXPECT_THAT(problems_after("eu-central-1", "EU_1"), HasSubstr("'region'"));
    EXPECT_THAT(problems_after("127.0.0.1", "localhost"), HasSubstr("not an IPv4 or IPv6 address"));
    EXPECT_THAT(problems_after("127.0.0.1", "127.0.0.1:80"), HasSubstr("not an IPv4 or IPv6 address"));
    EXPECT_THAT(problems_after("pkcs11:token=coffer", "coffer"), HasSubstr("RFC 7512"));
    EXPECT_THAT(problems_after("pkcs11:token=coffer", "pkcs11:token=c?pin-value=1"),
                HasSubstr("must not contain a PIN"));
    EXPECT_THAT(problems_after("\"inner\"", "\"in ner\""), HasSubstr("'name'"));
    EXPECT_THAT(problems_after("\"inner\"", "\"\""), HasSubstr("must not be empty"));
    EXPECT_THAT(problems_after("client_ca = \"ca.pem\"", "client_ca = []"), HasSubstr("at least one file"));
    EXPECT_THAT(problems_with("protocol = \"http\"\n"), HasSubstr("choose one of \"native\", \"aws\""));
    EXPECT_THAT(problems_with("[process]\nsecure_heap = \"3MiB\"\n"), HasSubstr("a power of two"));
    EXPECT_THAT(problems_with("[limits]\ndefault_deadline = \"2m\"\n"),
                HasSubstr("must not be longer than 'max_deadline'"));
    EXPECT_THAT(problems_with("[limits]\nidle_timeout = \"25h\"\n"), HasSubstr("it must be from 1ms to 1d"));
}

TEST(ConfigFile, APasswordMustNotStandInIt) {
    for (const auto* conninfo :
         {"dbname=c password=x", "password = 'x'", "postgresql://u:x@h/c", "postgresql://u:x/y@h/c",
          "postgresql://u:x@y@h/c", "postgresql://h/c?password=x", "sslpassword=x"}) {
        EXPECT_THAT(problems_after("host=/run/postgresql dbname=coffer", conninfo),
                    HasSubstr("must not contain a password"))
            << conninfo;
    }
    for (const auto* conninfo :
         {"dbname=password_store", "postgresql://u@h:5432/c", "passfile=/x dbname=c"}) {
        EXPECT_EQ(problems_after("host=/run/postgresql dbname=coffer", conninfo), "none") << conninfo;
    }
}

TEST(ConfigFile, MissingAndDoubleTables) {
    EXPECT_THAT(problems_after("[hsm]", "[hms]"),
                AllOf(HasSubstr("the table [hsm] is missing"), HasSubstr("did you mean 'hsm'?")));
    EXPECT_THAT(problems_after("[[listener]]", "[listener]"), HasSubstr("must be written as [[listener]]"));
    EXPECT_THAT(problems_with(std::string(kSmallest.substr(kSmallest.find("[[listener]]")))),
                HasSubstr("names another listener as well"));
    EXPECT_THAT(problems_with("[node]\n"), HasSubstr("not valid TOML"));
    EXPECT_THAT(problems_with("= 1\n"), HasSubstr("/etc/coffer/cofferd.toml:25: not valid TOML"));
}

TEST(ConfigFile, TwoListenersNeedTwoPlaces) {
    const auto second = [](const std::string& address, int port) {
        return "[[listener]]\nname = \"outer\"\naddress = \"" + address +
               "\"\nport = " + std::to_string(port) +
               "\ncertificate = \"s.pem\"\nkey = \"s.key\"\nclient_ca = \"ca.pem\"\n";
    };
    for (const auto* taken : {"127.0.0.1", "0.0.0.0"}) {
        EXPECT_THAT(problems_with(second(taken, 7443)),
                    HasSubstr("'port': 7443 is that of the listener \"inner\" at 127.0.0.1 already"))
            << taken;
    }
    EXPECT_EQ(problems_with(second("127.0.0.1", 7444)), "none");
    EXPECT_EQ(problems_with(second("127.0.0.2", 7443)), "none");
    EXPECT_EQ(problems_with(second("::1", 7443)), "none");
    EXPECT_EQ(problems_with(second("127.0.0.1", 0) + "[health]\nport = 0\n"), "none") << "any free one";
    EXPECT_THAT(problems_with("[health]\nport = 7443\n"), HasSubstr("the listener \"inner\""));
    EXPECT_EQ(problems_with("[health]\nport = 7443\naddress = \"::1\"\n"), "none");
}

TEST(ConfigFile, AFileThatIsNotThere) {
    try {
        (void)load_config("/nonexistent/cofferd.toml");
        FAIL();
    } catch (const ConfigError& error) {
        EXPECT_THAT(error.what(), HasSubstr("/nonexistent/cofferd.toml: there is no such file"));
    }
}

TEST(ConfigFile, AFileThatChangedSinceItWasRead) {
    std::string pattern = ::testing::TempDir() + "coffer-config-XXXXXX";
    const std::filesystem::path folder = ::mkdtemp(pattern.data());
    const auto file = folder / "cofferd.toml";
    std::ofstream(file) << kSmallest;
    const auto config = load_config(file);
    EXPECT_EQ(config.source, kSmallest);
    EXPECT_FALSE(has_changed(config));
    std::ofstream(file, std::ios::app) << "# a line more\n";
    EXPECT_TRUE(has_changed(config));
    std::filesystem::remove_all(folder);
    EXPECT_TRUE(has_changed(config));
}

TEST(Units, Durations) {
    EXPECT_EQ(parse_duration("500ms"), milliseconds(500));
    EXPECT_EQ(parse_duration("30s"), milliseconds(30'000));
    EXPECT_EQ(parse_duration("5m"), milliseconds(300'000));
    EXPECT_EQ(parse_duration("2h"), milliseconds(7'200'000));
    EXPECT_EQ(parse_duration("1d"), milliseconds(86'400'000));
    EXPECT_EQ(parse_duration("0s"), milliseconds(0));
    for (const auto* wrong :
         {"", "5", "s", "-5s", "+5s", "5 s", "5S", "1.5s", "5sec", "99999999999999999999s", "36601d"}) {
        EXPECT_FALSE(parse_duration(wrong).has_value()) << wrong;
    }
    EXPECT_EQ(duration_text(milliseconds(30'000)), "30s");
    EXPECT_EQ(duration_text(milliseconds(1500)), "1500ms");
    EXPECT_EQ(duration_text(milliseconds(0)), "0s");
}

TEST(Units, Sizes) {
    EXPECT_EQ(parse_size("32MiB"), 33'554'432U);
    EXPECT_EQ(parse_size("64KiB"), 65'536U);
    EXPECT_EQ(parse_size("1GiB"), 1'073'741'824U);
    EXPECT_EQ(parse_size("17"), 17U);
    EXPECT_EQ(parse_size("17B"), 17U);
    for (const auto* wrong : {"", "MiB", "1MB", "1 MiB", "-1", "1.5MiB", "99999999999GiB"}) {
        EXPECT_FALSE(parse_size(wrong).has_value()) << wrong;
    }
    EXPECT_EQ(size_text(33'554'432), "32MiB");
    EXPECT_EQ(size_text(1000), "1000B");
}

TEST(Config, AllowedNetworksOfAListener) {
    // The smallest configuration ends inside of its listener.
    EXPECT_TRUE(parse(std::string(kSmallest)).listeners[0].allowed_networks.empty());
    const auto config = parse(std::string(kSmallest) +
                              "allowed_networks = [\"10.0.0.0/8\", \"192.0.2.7\", \"2001:db8::/32\", "
                              "\"::ffff:198.51.100.0/120\"]\npolicy = \"inner.json\"\n");
    EXPECT_THAT(config.listeners[0].allowed_networks,
                ElementsAre("10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::ffff:198.51.100.0/120"));
    EXPECT_EQ(config.listeners[0].policy, "/etc/coffer/inner.json");
    EXPECT_THAT(
        parse(std::string(kSmallest) + "allowed_networks = \"10.0.0.0/8\"\n").listeners[0].allowed_networks,
        ElementsAre("10.0.0.0/8"));
}

TEST(Config, AListenerForAwsClientsNeedsNoClientCa) {
    const std::string aws = R"(
[[listener]]
name = "aws"
protocol = "aws"
address = "127.0.0.1"
port = 8444
certificate = "server.pem"
key = "server.key"
)";
    const auto config = parse(std::string(kSmallest) + aws);
    ASSERT_EQ(config.listeners.size(), 2U);
    EXPECT_EQ(config.listeners[0].protocol, ListenerProtocol::native);
    EXPECT_EQ(config.listeners[1].protocol, ListenerProtocol::aws);
    EXPECT_TRUE(config.listeners[1].tls.client_ca.empty());
    EXPECT_EQ(
        parse(std::string(kSmallest) + aws + "client_ca = \"ca.pem\"\n").listeners[1].tls.client_ca.size(),
        1U);
    EXPECT_THAT(problems_with(aws + "crl = \"crl.pem\"\n"), HasSubstr("'client_ca'"));
    EXPECT_THAT(problems_after("client_ca = \"ca.pem\"\n", ""), HasSubstr("client_ca"));
}

TEST(Config, NetworksThatAreNone) {
    const auto problem = [](const std::string& block) {
        return problems_with("allowed_networks = [\"192.0.2.0/24\", \"" + block + "\"]\n");
    };
    for (const char* block : {"10.0.0.0/33", "2001:db8::/129", "::ffff:10.0.0.0/129", "10.0.0.0/", "10.0.0/8",
                              "10.0.0.0/-1", "bank.example", "localhost", "10.0.0.0 /8", "fe80::1%eth0"}) {
        EXPECT_THAT(problem(block), AllOf(HasSubstr("'allowed_networks'"),
                                          HasSubstr("\"" + std::string(block) + "\" is not a network")));
    }
    for (const char* block :
         {"10.0.0.1/8", "192.0.2.1/31", "2001:db8::1/32", "::ffff:10.0.0.1/104", "0.0.0.1/0"}) {
        EXPECT_THAT(problem(block),
                    HasSubstr("\"" + std::string(block) + "\" has bits set after its prefix"));
    }
    EXPECT_THAT(problems_with("allowed_networks = []\n"), HasSubstr("must have 1 to 256 networks"));
    EXPECT_THAT(problems_with("allowed_networks = 7\n"), HasSubstr("allowed_networks"));
}

TEST(Config, WrappingAnewIsHeldBackWhereAsked) {
    const auto usual = parse(std::string(kSmallest)).master_keys;
    EXPECT_EQ(usual.rewrap_per_second, 0U);
    EXPECT_EQ(usual.rewrap_batch, 256U);
    EXPECT_EQ(usual.rewrap_lanes, 3U);
    const auto slow = parse(std::string(kSmallest) +
                            "[master_keys]\nrewrap_per_second = 500\nrewrap_batch = 4096\nrewrap_lanes = 1\n")
                          .master_keys;
    EXPECT_EQ(slow.rewrap_per_second, 500U);
    EXPECT_EQ(slow.rewrap_batch, 4096U);
    EXPECT_EQ(slow.rewrap_lanes, 1U);
    EXPECT_THAT(problems_with("[master_keys]\nrewrap_batch = 0\n"), HasSubstr("rewrap_batch"));
    EXPECT_THAT(problems_with("[master_keys]\nrewrap_lanes = 17\n"), HasSubstr("rewrap_lanes"));
}

TEST(Config, PricesAreExact) {
    EXPECT_TRUE(parse(std::string(kSmallest)).usage.currency.empty());
    const auto usage = parse(std::string(kSmallest) +
                             "[usage]\ncurrency = \"USD\"\nprice_per_10000_requests = 0.05\n"
                             "price_per_secret_month = \"0.40\"\n")
                           .usage;
    EXPECT_EQ(usage.currency, "USD");
    EXPECT_EQ(usage.micros_per_10000_requests, 50'000);
    EXPECT_EQ(usage.micros_per_secret_month, 400'000);
    const auto price = [](const std::string& written) {
        return parse(std::string(kSmallest) +
                     "[usage]\ncurrency = \"X\"\nprice_per_secret_month = " + written)
            .usage.micros_per_secret_month;
    };
    EXPECT_EQ(price("0.000001"), 1);
    EXPECT_EQ(price("0.1"), 100'000);
    EXPECT_EQ(price("999.999999"), 999'999'999);
    EXPECT_EQ(price("1000"), 1'000'000'000);
    EXPECT_EQ(price("\"3\""), 3'000'000);
}

TEST(Config, PricesThatAreNone) {
    const auto problem = [](const std::string& written) {
        return problems_with("[usage]\ncurrency = \"USD\"\nprice_per_secret_month = " + written + "\n");
    };
    for (const char* written :
         {"-1", "-0.5", "0.0000001", "\"0.4 USD\"", "\".5\"", "\"1.\"", "inf", "nan", "true"}) {
        EXPECT_THAT(problem(written), HasSubstr("'price_per_secret_month': must be a number")) << written;
    }
    EXPECT_THAT(problem("1000.01"), HasSubstr("it must be from 0 to 1000"));
    EXPECT_THAT(problems_with("[usage]\nprice_per_secret_month = 1\n"), HasSubstr("lacks 'currency'"));
    EXPECT_THAT(problems_with("[usage]\ncurrency = \"US dollars\"\n"), HasSubstr("'currency'"));
}

// ---- identity providers
// ------------------------------------------------------------------------------------------

/// A provider with these lines besides its first.
std::string provider(const std::string& lines) {
    return "\n[[oidc_provider]]\n" + lines + "\n";
}

constexpr const char* kGoodProvider =
    "issuer = \"https://ci.example:8443/realms/x\"\naudiences = \"coffer\"\njwks_file = \"ci.json\"\n";

TEST(Config, IdentityProviders) {
    EXPECT_TRUE(parse(std::string(kSmallest)).oidc_providers.empty());
    const Config config =
        parse(std::string(kSmallest) + provider(kGoodProvider) +
              provider("issuer = \"https://sso.example\"\naudiences = [\"a\", \"b\"]\n"
                       "jwks_url = \"https://10.0.0.1:8443/keys?all=1\"\nca_file = \"ca.crt\"\n"
                       "refresh_interval = \"5m\"\ntimeout = \"2s\"") +
              provider("issuer = \"https://other.example/\"\naudiences = \"c\"\n"
                       "jwks_url = \"https://keys\""));
    ASSERT_EQ(config.oidc_providers.size(), 3U);
    const auto& file = config.oidc_providers[0];
    EXPECT_EQ(file.issuer, "https://ci.example:8443/realms/x");
    EXPECT_THAT(file.audiences, ElementsAre("coffer"));
    EXPECT_EQ(file.jwks_file, "/etc/coffer/ci.json");
    const auto& address = config.oidc_providers[1];
    EXPECT_THAT(address.audiences, ElementsAre("a", "b"));
    EXPECT_TRUE(address.jwks_file.empty());
    EXPECT_EQ(address.jwks_url.host, "10.0.0.1");
    EXPECT_EQ(address.jwks_url.port, 8443);
    EXPECT_EQ(address.jwks_url.target, "/keys?all=1");
    EXPECT_EQ(address.ca_file, "/etc/coffer/ca.crt");
    EXPECT_EQ(address.refresh_interval, milliseconds(300'000));
    EXPECT_EQ(address.timeout, milliseconds(2'000));
    const auto& shortest = config.oidc_providers[2];
    EXPECT_EQ(shortest.issuer, "https://other.example/");
    EXPECT_EQ(shortest.jwks_url.host, "keys");
    EXPECT_EQ(shortest.jwks_url.port, 443);
    EXPECT_EQ(shortest.jwks_url.target, "/");
    EXPECT_EQ(shortest.refresh_interval, milliseconds(3'600'000));
    EXPECT_EQ(shortest.timeout, milliseconds(5'000));
}

TEST(Config, IdentityProvidersThatAreNone) {
    const auto with_issuer = [](const std::string& issuer) {
        return problems_with(provider("issuer = \"" + issuer + "\"\naudiences = \"a\"\njwks_file = \"k\""));
    };
    EXPECT_EQ(with_issuer("https://ci.example"), "none");
    for (const auto* issuer : {"http://ci.example", "ci.example", "https://ci", "https://",
                               "https://user@ci.example", "https://ci.example?a=b", "https://ci.example#a",
                               "https://ci.example/a b", "https://[::1]", "HTTPS://ci.example"}) {
        EXPECT_THAT(with_issuer(issuer), HasSubstr("must be the 'iss' of the provider's tokens")) << issuer;
    }
    EXPECT_THAT(with_issuer("https://ci.example/" + std::string(240, 'a')),
                HasSubstr("at most 255 characters"));
    EXPECT_THAT(problems_with(provider("")),
                AllOf(HasSubstr("lacks 'issuer'"), HasSubstr("lacks 'audiences'")));
    EXPECT_THAT(problems_with(provider("issuer = \"https://ci.example\"\naudiences = []\njwks_file = \"k\"")),
                HasSubstr("must be 1 to 100 texts"));
    EXPECT_THAT(
        problems_with(provider("issuer = \"https://ci.example\"\naudiences = [1]\njwks_file = \"k\"")),
        HasSubstr("'audiences': every element must be text"));
    EXPECT_THAT(problems_with(provider("issuer = \"https://ci.example\"\naudiences = \"a\"")),
                HasSubstr("exactly one of 'jwks_file' and 'jwks_url'"));
    EXPECT_THAT(problems_with(provider(std::string(kGoodProvider) + "jwks_url = \"https://ci.example/k\"")),
                HasSubstr("exactly one of 'jwks_file' and 'jwks_url'"));
    EXPECT_THAT(problems_with(provider(std::string(kGoodProvider) + "ca_file = \"ca\"")),
                HasSubstr("is for keys that are fetched"));
    for (const auto* url : {"http://ci.example/keys", "https://", "/keys", "https://ci.example/keys#a"}) {
        EXPECT_THAT(
            problems_with(provider("issuer = \"https://ci.example\"\naudiences = \"a\"\njwks_url = \"" +
                                   std::string(url) + "\"")),
            HasSubstr("must be an https address"))
            << url;
    }
    EXPECT_THAT(problems_with(provider(kGoodProvider) + provider(kGoodProvider)),
                HasSubstr("is the issuer of another provider as well"));
    EXPECT_THAT(problems_with(provider(std::string(kGoodProvider) + "audience = \"a\"")),
                AllOf(HasSubstr("unknown key 'audience' in [[oidc_provider]]"),
                      HasSubstr("did you mean 'audiences'?")));
    EXPECT_THAT(problems_with("\n[oidc_provider]\nissuer = \"https://ci.example\""),
                HasSubstr("must be written as [[oidc_provider]]"));
    std::string many;
    for (int i = 0; i < 101; ++i) {
        many += provider("issuer = \"https://ci" + std::to_string(i) +
                         ".example\"\naudiences = \"a\"\njwks_file = \"k\"");
    }
    EXPECT_THAT(problems_with(many), HasSubstr("there may be 100 providers at most"));
}

// ---- rotation functions

std::string function(const std::string& lines) {
    return "\n[[rotation_function]]\nname = \"f\"\n" + lines + "\n";
}

TEST(Config, RotationFunctions) {
    const Config config = parse(
        std::string(kSmallest) + function("kind = \"random\"\nfield = \"token\"\ntimeout = \"5s\"") +
        "\n[[rotation_function]]\nname = \"o\"\nkind = \"oauth\"\ngrant = \"refresh_token\"\n"
        "token_url = \"https://idp.example/t\"\n"
        "\n[[rotation_function]]\nname = \"k\"\nkind = \"api\"\nurl = \"https://api.example:8443/v1\"\n"
        "create = { path = \"/keys\", json = '{}' }\ntake = { key = \"/k\" }\n"
        "delete = { method = \"POST\", path = \"/rm\", form = \"id=${id}\", headers = { A = \"b\" } }\n");
    ASSERT_EQ(config.rotation.functions.size(), 3U);
    EXPECT_EQ(config.rotation.functions[0].timeout, milliseconds(5'000));
    EXPECT_EQ(std::get<RandomFunctionSection>(config.rotation.functions[0].kind).field, "token");
    const auto& oauth = std::get<OauthFunctionSection>(config.rotation.functions[1].kind);
    EXPECT_EQ(oauth.token_url.host, "idp.example");
    EXPECT_EQ(oauth.client_authentication, "basic");
    EXPECT_FALSE(oauth.test_url);
    const auto& api = std::get<ApiFunctionSection>(config.rotation.functions[2].kind);
    EXPECT_EQ(api.url.port, 8443);
    EXPECT_EQ(api.create.method, "POST");
    EXPECT_EQ(api.create.json, "{}");
    EXPECT_EQ(api.take.at("key"), "/k");
    EXPECT_FALSE(api.test);
    ASSERT_TRUE(api.remove);
    EXPECT_EQ(api.remove->headers.at("A"), "b");
}

TEST(Config, RotationFunctionsThatAreNone) {
    const auto problem = [](const std::string& lines) { return problems_with(function(lines)); };
    EXPECT_THAT(problem("kind = \"lamda\""), HasSubstr("\"lamda\" is not known; choose one of"));
    EXPECT_THAT(problem("kind = \"random\"\nca_file = \"a\""), HasSubstr("ca_file")) << "another kind's";
    EXPECT_THAT(problem("kind = \"oauth\""),
                AllOf(HasSubstr("lacks 'token_url'"), HasSubstr("lacks 'grant'")));
    const std::string oauth = "kind = \"oauth\"\ntoken_url = \"https://a.example\"\n";
    EXPECT_THAT(problem(oauth + "grant = \"password\""),
                HasSubstr("\"password\" is not known; choose one of"));
    EXPECT_THAT(problem(oauth + "grant = \"client_credentials\"\nclient_authentication = \"none\""),
                HasSubstr("\"none\" goes with"));
    EXPECT_THAT(problem("kind = \"oauth\"\ngrant = \"refresh_token\"\ntoken_url = \"http://a.example\""),
                HasSubstr("must be an https address"));
    const std::string api = "kind = \"api\"\nurl = \"https://a.example\"\n";
    EXPECT_THAT(problem(api), AllOf(HasSubstr("[create] is missing"), HasSubstr("'take'")));
    EXPECT_THAT(problem(api + "create = { path = \"/k\" }\ntake = { key = \"k\" }"),
                HasSubstr("JSON pointer"));
    EXPECT_THAT(problem(api + "create = { path = \"/k\" }\ntake = { key = 1 }"),
                HasSubstr("'key' must be text"));
    const auto with_create = [&](const std::string& call) {
        return problem(api + "take = { key = \"/k\" }\ncreate = { " + call + " }");
    };
    EXPECT_EQ(with_create("path = \"/k\""), "none");
    EXPECT_THAT(with_create("path = \"k\""), HasSubstr("must begin with '/'"));
    EXPECT_THAT(with_create("method = \"POST\""), HasSubstr("lacks 'path'"));
    EXPECT_THAT(with_create("path = \"/k\", method = \"BREW\""), HasSubstr("\"BREW\" is not known"));
    EXPECT_THAT(with_create("path = \"/k\", json = \"{}\", form = \"a\""), HasSubstr("one body"));
    EXPECT_THAT(with_create("path = \"/k\", method = \"GET\", json = \"{}\""),
                HasSubstr("a GET has no body"));
    EXPECT_THAT(with_create("path = \"/k\", bodi = \"\""), HasSubstr("bodi"));
    EXPECT_THAT(with_create("path = \"/k\", headers = { CONNECTION = \"close\" }"),
                HasSubstr("'CONNECTION' cannot be given"));
    EXPECT_THAT(problem(api + "headers = { Content-Length = \"1\" }"),
                HasSubstr("'Content-Length' cannot be given"));
}

// ---- certificates

const std::string kAuthority = "\n[[certificate_authority]]\nname = \"issuing\"\ncertificate = \"ca.pem\"\n";
const std::string kAllowed = "allowed_names = [\"*.example.com\"]\n";

TEST(Config, Certificates) {
    const Config config = parse(
        std::string(kSmallest) + kAuthority +
        "crl_file = \"issuing.crl\"\ncrl_url = \"http://crl.example.com/issuing.crl\"\nmax_days = 90\n" +
        function("kind = \"certificate\"\nauthority = \"issuing\"\ndays = 90\nrevoke_superseded = true\n" +
                 kAllowed) +
        "\n[[rotation_function]]\nname = \"e\"\nkind = \"certificate\"\nprogram = \"acme\"\nca_file = "
        "\"/roots.pem\"\n"
        "usages = [\"server\"]\nkey_types = [\"rsa-2048\", \"ec-p256\"]\n" +
        kAllowed);
    ASSERT_EQ(config.certificate_authorities.size(), 1U);
    EXPECT_EQ(config.certificate_authorities[0].name, "issuing");
    EXPECT_EQ(config.certificate_authorities[0].crl_days, 7);
    EXPECT_TRUE(config.certificate_authorities[0].certificate.is_absolute()) << "beside the file";
    const auto& own = std::get<CertificateFunctionSection>(config.rotation.functions[0].kind);
    EXPECT_EQ(own.authority, "issuing");
    EXPECT_EQ(own.days, 90);
    EXPECT_TRUE(own.revoke_superseded);
    EXPECT_THAT(own.key_types, ElementsAre("ec-p256"));
    const auto& other = std::get<CertificateFunctionSection>(config.rotation.functions[1].kind);
    EXPECT_EQ(other.program, "acme");
    EXPECT_THAT(other.usages, ElementsAre("server"));
    EXPECT_THAT(other.key_types, ElementsAre("rsa-2048", "ec-p256"));
}

TEST(Config, CertificatesThatAreNone) {
    const auto problem = [](const std::string& lines, const std::string& authority = kAuthority) {
        return problems_with(authority + function("kind = \"certificate\"\n" + lines));
    };
    const std::string own = "authority = \"issuing\"\n";
    EXPECT_EQ(problem(own + kAllowed), "none");
    EXPECT_THAT(problem(own), HasSubstr("'allowed_names' must say"));
    EXPECT_THAT(problem(own + "allowed_names = [\"*\"]"), HasSubstr("\"*\" is no pattern"));
    EXPECT_THAT(problem(kAllowed), HasSubstr("exactly one of 'authority'"));
    EXPECT_THAT(problem(own + "program = \"p\"\n" + kAllowed), HasSubstr("exactly one of 'authority'"));
    EXPECT_THAT(problem("program = \"p\"\n" + kAllowed), HasSubstr("needs 'ca_file'"));
    EXPECT_THAT(problem("program = \"p\"\nca_file = \"a\"\nrevoke_superseded = true\n" + kAllowed),
                HasSubstr("goes with 'authority'"));
    EXPECT_THAT(problem("authority = \"other\"\n" + kAllowed),
                HasSubstr("no [[certificate_authority]] named \"other\""));
    EXPECT_THAT(problem(own + "days = 398\n" + kAllowed), HasSubstr("max_days, 397"));
    EXPECT_THAT(problem(own + "days = 10\nrenew_before_days = 10\n" + kAllowed),
                HasSubstr("less than 'days'"));
    EXPECT_THAT(problem(own + "key_types = [\"dsa\"]\n" + kAllowed), HasSubstr("\"ec-p256\", \"ec-p384\""));
    EXPECT_THAT(problem(own + "usages = []\n" + kAllowed), HasSubstr("usages"));
    EXPECT_THAT(problem(own + kAllowed, kAuthority + "key = \"file.pem\"\n"),
                HasSubstr("the URI of a key in the token"));
    EXPECT_THAT(problem(own + kAllowed, kAuthority + "crl_url = \"ldap://a\"\n"), HasSubstr("crl_url"));
    EXPECT_THAT(problem(own + kAllowed, kAuthority + kAuthority), HasSubstr("names another authority"));
    EXPECT_THAT(problem(own + kAllowed, kAuthority + "crl_dais = 1\n"), HasSubstr("crl_dais"));
    const auto second = [](const std::string& certificate, const std::string& file) {
        return "\n[[certificate_authority]]\nname = \"second\"\ncertificate = \"" + certificate +
               "\"\ncrl_file = \"" + file + "\"\n";
    };
    const auto with_file = kAuthority + "crl_file = \"a.crl\"\n";
    EXPECT_EQ(problem(own + kAllowed, with_file + second("b.pem", "b.crl")), "none");
    EXPECT_THAT(problem(own + kAllowed, with_file + second("b.pem", "./a.crl")),
                HasSubstr("each needs a file of its own"));
    EXPECT_THAT(problem(own + kAllowed, with_file + second("ca.pem", "b.crl")),
                HasSubstr("one key has one list"));
    EXPECT_THAT(problems_with("\n[[certificate_authority]]\nname = \"a/b\"\n"),
                AllOf(HasSubstr("must be 1 to 64"), HasSubstr("lacks 'certificate'")));
}

TEST(Config, RotationBlackoutsAndGroups) {
    const Config config = parse(
        std::string(kSmallest) +
        "\n[[rotation_blackout]]\nname = \"once\"\nfrom = 2026-12-20T18:00:00+01:00\nto = 2027-01-06\n"
        "[[rotation_blackout]]\nname = \"again\"\nschedule = \"cron(0 18 ? * FRI *)\"\nlasts = \"60h\"\n"
        "secrets = [\"prod/*\"]\n"
        "[[rotation_group]]\nname = \"g\"\nsecrets = [\"a\", \"b\"]\napart = \"1h\"\n");
    ASSERT_EQ(config.rotation.blackouts.size(), 2U);
    // 2026-12-20 17:00 UTC and 2027-01-06 00:00 UTC, as `date +%s` has them.
    EXPECT_EQ(config.rotation.blackouts[0].from.millis(), 1'797'786'000'000);
    EXPECT_EQ(config.rotation.blackouts[0].to.millis(), 1'799'193'600'000);
    EXPECT_EQ(config.rotation.blackouts[1].lasts, std::chrono::hours(60));
    EXPECT_THAT(config.rotation.blackouts[1].secrets, ElementsAre("prod/*"));
    ASSERT_EQ(config.rotation.groups.size(), 1U);
    EXPECT_EQ(config.rotation.groups[0].apart, std::chrono::hours(1));
    const auto blackout = [](const std::string& lines) {
        return problems_with("\n[[rotation_blackout]]\nname = \"b\"\n" + lines + "\n");
    };
    EXPECT_THAT(blackout(""), AllOf(HasSubstr("lacks 'from'")));
    EXPECT_THAT(blackout("from = 2027-01-06\nto = 2026-12-20"), HasSubstr("must be after 'from'"));
    EXPECT_THAT(blackout("from = \"2027-01-06\"\nto = 2027-01-07"), HasSubstr("a date, or a date and time"));
    EXPECT_THAT(blackout("from = 2027-01-06T10:00:00\nto = 2027-01-07"), HasSubstr("with its offset"));
    EXPECT_THAT(blackout("schedule = \"rate(1 day)\""),
                AllOf(HasSubstr("must be a cron"), HasSubstr("'lasts'")));
    EXPECT_THAT(blackout("schedule = \"rate(1 day)\"\nlasts = \"1h\"\nfrom = 2027-01-06"),
                HasSubstr("not with 'schedule'"));
    const auto group = [](const std::string& lines) {
        return problems_with("\n[[rotation_group]]\nname = \"g\"\n" + lines + "\n");
    };
    EXPECT_THAT(group(""), AllOf(HasSubstr("'secrets'"), HasSubstr("'apart'")));
    EXPECT_THAT(group("secrets = [\"a\"]\napart = \"8d\""), HasSubstr("out of range"));
    EXPECT_THAT(group("secrets = [\"a\"]\napart = \"1h\"\n[[rotation_group]]\nname = \"g\"\nsecrets = "
                      "[\"b\"]\napart = \"1h\""),
                HasSubstr("another group as well"));
}

TEST(Config, RatesOfRotationsAreLimited) {
    const auto config = parse(std::string(kSmallest) + "\n[rotation]\nbegins_per_second = 0.25\n" +
                              function("kind = \"ssh\"\nat_once = 2") +
                              "\n[[rotation_function]]\nname = \"g\"\nkind = \"ssh\"\n");
    EXPECT_EQ(config.rotation.micros_begins_per_second, 250'000);
    EXPECT_EQ(config.rotation.functions[0].at_once, 2U);
    EXPECT_EQ(config.rotation.functions[1].at_once, 0U);
    EXPECT_EQ(parse(std::string(kSmallest)).rotation.micros_begins_per_second, 0);
    EXPECT_THAT(problems_with(function("kind = \"ssh\"\nat_once = 0")), HasSubstr("'at_once'"));
    EXPECT_THAT(problems_with(function("kind = \"ssh\"\nat_once = 65")), HasSubstr("'at_once'"));
    EXPECT_THAT(problems_with(function("kind = \"ssh\"\nat_once = \"2\"")), HasSubstr("'at_once'"));
    EXPECT_THAT(problems_with(function("kind = \"ssh\"\nat_onse = 2")), HasSubstr("unknown key 'at_onse'"));
    const auto rate = [](const std::string& value) {
        return problems_with("\n[rotation]\nbegins_per_second = " + value + "\n");
    };
    EXPECT_THAT(rate("0"), HasSubstr("must be at least 0.001"));
    EXPECT_THAT(rate("0.0009"), HasSubstr("must be at least 0.001"));
    EXPECT_THAT(rate("1001"), HasSubstr("must be from 0 to 1000"));
    EXPECT_THAT(rate("true"), HasSubstr("'begins_per_second'"));
    EXPECT_THAT(problems_with("\n[rotation]\nbegins_per_minute = 1\n"), HasSubstr("unknown key"));
}

TEST(Config, RotationFunctionsThatAreProgramsNameThemAlone) {
    const auto config = parse(std::string(kSmallest) + R"(
[rotation]
runner = "/run/r/runner.sock"
aws_endpoint = "https://localhost:8443"
aws_ca_file = "ca.pem"
[[rotation_function]]
name = "a"
kind = "exec"
program = "rotate-app"
[[rotation_function]]
name = "b"
kind = "exec"
program = "rotate-app"
make = "password"
field = "password"
password_length = 20
[[rotation_function]]
name = "c"
kind = "lambda"
program = "handler"
role = "rotation"
)");
    EXPECT_EQ(config.rotation.runner, "/run/r/runner.sock");
    EXPECT_EQ(config.rotation.aws_ca_file, "/etc/coffer/ca.pem");
    ASSERT_EQ(config.rotation.functions.size(), 3U);
    const auto& plain = std::get<ExecFunctionSection>(config.rotation.functions[0].kind);
    EXPECT_EQ(plain.program, "rotate-app");
    EXPECT_FALSE(plain.makes_password);
    const auto& password = std::get<ExecFunctionSection>(config.rotation.functions[1].kind);
    EXPECT_TRUE(password.makes_password);
    EXPECT_EQ(password.field, "password");
    EXPECT_EQ(password.password.usual.length, 20);
    EXPECT_EQ(std::get<LambdaFunctionSection>(config.rotation.functions[2].kind).role, "rotation");
}

TEST(Config, MistakesInRotationFunctionsThatAreProgramsAreNamed) {
    const auto with = [](const std::string& lines) {
        return problems_with("[[rotation_function]]\nname = \"a\"\n" + lines);
    };
    EXPECT_THAT(with("kind = \"exec\""), HasSubstr("lacks 'program'"));
    EXPECT_THAT(with("kind = \"exec\"\nprogram = \"/bin/sh\""),
                HasSubstr("the name of a [[program]] of runner.toml"));
    EXPECT_THAT(with("kind = \"exec\"\nprogram = \"p\"\nmake = \"x\""),
                HasSubstr("\"program\", \"password\""));
    EXPECT_THAT(with("kind = \"exec\"\nprogram = \"p\"\nfield = \"x\""),
                HasSubstr("must be \"password\" with 'field'"));
    EXPECT_THAT(with("kind = \"lambda\"\nprogram = \"p\""), HasSubstr("lacks 'role'"));
    EXPECT_THAT(with("kind = \"lambda\"\nprogram = \"p\"\nrole = \"arn:aws:iam::1:role/x\""),
                HasSubstr("not its ARN"));
    EXPECT_THAT(with("kind = \"lambda\"\nprogram = \"p\"\nrole = \"r\""),
                HasSubstr("needs [rotation] aws_endpoint"));
    EXPECT_THAT(problems_with("[rotation]\naws_endpoint = \"http://x\""),
                HasSubstr("must be https://HOST:PORT"));
    EXPECT_THAT(problems_with("[rotation]\naws_endpoint = \"https://x/path\""),
                HasSubstr("must be https://HOST:PORT"));
}

TEST(Config, RotationFunctionsHaveTheKeysOfTheirKind) {
    const auto config =
        parse(std::string(kSmallest) +
              function("kind = \"mysql\"\nca_file = \"ca.pem\"\nadmin_secret = \"a\"\n"
                       "password_length = 40") +
              "\n[[rotation_function]]\nname = \"r\"\nkind = \"redis\"\nallow_unsaved = true\n"
              "exclude_characters = \"\"\n"
              "\n[[rotation_function]]\nname = \"s\"\nkind = \"ssh\"\n");
    ASSERT_EQ(config.rotation.functions.size(), 3U);
    const auto& mysql = std::get<MysqlFunctionSection>(config.rotation.functions[0].kind);
    EXPECT_EQ(mysql.tls, "verify-full");
    EXPECT_EQ(mysql.ca_file, "/etc/coffer/ca.pem");
    EXPECT_EQ(mysql.admin_secret, "a");
    EXPECT_EQ(mysql.password.usual.length, 40);
    EXPECT_FALSE(mysql.send_plain_password);
    EXPECT_EQ(mysql.password.usual.exclude_characters, ":/@\"'\\");
    const auto& redis = std::get<RedisFunctionSection>(config.rotation.functions[1].kind);
    EXPECT_TRUE(redis.allow_unsaved);
    EXPECT_EQ(redis.password.usual.exclude_characters, "") << "none at all, which is not the default";
    EXPECT_TRUE(std::holds_alternative<SshFunctionSection>(config.rotation.functions[2].kind));
}

TEST(Config, SomeSecretsOfARotationFunctionHavePasswordsOfTheirOwn) {
    const std::string random = "kind = \"random\"\npassword_length = 40\nexclude_numbers = true\n";
    const std::string exception = "[[rotation_function.password_exception]]\n";
    const auto config = parse(std::string(kSmallest) +
                              function(random + exception + "secrets = \"legacy/*\"\npassword_length = 16\n" +
                                       exception + "secrets = [\"a\", \"b\"]\nexclude_numbers = false\n"));
    const auto& passwords = std::get<RandomFunctionSection>(config.rotation.functions.at(0).kind).password;
    EXPECT_EQ(passwords.usual.length, 40);
    ASSERT_EQ(passwords.exceptions.size(), 2U);
    EXPECT_THAT(passwords.exceptions[0].secrets, ElementsAre("legacy/*"));
    EXPECT_EQ(passwords.exceptions[0].rules.length, 16);
    EXPECT_TRUE(passwords.exceptions[0].rules.exclude_numbers) << "as for the others";
    EXPECT_THAT(passwords.exceptions[1].secrets, ElementsAre("a", "b"));
    EXPECT_EQ(passwords.exceptions[1].rules.length, 40);
    EXPECT_FALSE(passwords.exceptions[1].rules.exclude_numbers);
    EXPECT_THAT(problems_with(function(random + exception + "password_length = 16\n")),
                HasSubstr("lacks 'secrets'"));
    EXPECT_THAT(problems_with(function(random + exception + "secrets = []\npassword_length = 6\n")),
                HasSubstr("must name the secrets by patterns"))
        << "not all of them";
    EXPECT_THAT(problems_with(function(random + exception + "secrets = \"a\"\nlength = 16\n")),
                HasSubstr("unknown key 'length'"));
    EXPECT_THAT(problems_with(function("kind = \"ssh\"\n" + exception + "secrets = \"a\"\n")),
                HasSubstr("unknown key 'password_exception'"));
}

TEST(Config, RotationFunctionsHaveNoKeysOfAnotherKind) {
    EXPECT_THAT(problems_with(function("kind = \"oracle\"")),
                HasSubstr("\"oracle\" is not known; choose one of \"api\", \"certificate\", \"exec\", "
                          "\"lambda\", \"mysql\", \"oauth\", "
                          "\"postgresql\", \"random\", \"redis\", \"ssh\""));
    EXPECT_THAT(problems_with(function("kind = \"mysql\"\ntls = \"require\"")),
                HasSubstr("\"require\" is not known; choose one of \"verify-full\", \"disable\""));
    EXPECT_THAT(problems_with(function("kind = \"mysql\"\ntls = \"disable\"\nadmin_secret = \"a\"")),
                HasSubstr("must be \"verify-full\" with 'admin_secret'"));
    EXPECT_THAT(problems_with(function("kind = \"postgresql\"\ntls = \"require\"\nadmin_secret = \"a\"")),
                HasSubstr("must be \"verify-full\" or \"verify-ca\" with 'admin_secret'"));
    EXPECT_THAT(problems_with(function("kind = \"mysql\"\nscram_iterations = 1")),
                HasSubstr("unknown key 'scram_iterations'"));
    EXPECT_THAT(problems_with(function("kind = \"postgresql\"\nscram_iterations = 0")),
                HasSubstr("'scram_iterations'"));
    EXPECT_THAT(
        problems_with(function("kind = \"postgresql\"\nsend_plain_password = true\nscram_iterations = 1")),
        HasSubstr("has no meaning with 'send_plain_password'"));
    EXPECT_THAT(problems_with(function("kind = \"redis\"\ntls = \"disable\"")),
                HasSubstr("unknown key 'tls'"));
    EXPECT_THAT(problems_with(function("kind = \"redis\"\nexclude_characters = \"\\u0000\"")),
                HasSubstr("must not contain NUL characters"));
    EXPECT_THAT(problems_with(function("kind = \"ssh\"\npassword_length = 9")),
                HasSubstr("unknown key 'password_length'"));
}

// What a start would refuse later, after it ended the daemon that ran before.
TEST(Config, UrisThatNameNoTokenOrNoKeyAreRefused) {
    const std::string token = "pkcs11:token=coffer";
    EXPECT_THAT(problems_after(token, "pkcs11:slot-id=1"),
                AllOf(HasSubstr("cofferd.toml:"), HasSubstr("[hsm] 'token'"), HasSubstr("slot")));
    EXPECT_THAT(problems_after(token, "pkcs11:manufacturer=x"), HasSubstr("give token= or serial="));
    EXPECT_THAT(problems_after(token, "pkcs11:token=%zz"), HasSubstr("not an RFC 7512 URI"));
    EXPECT_THAT(problems_after(token, "pkcs11:tokne=coffer"), HasSubstr("attribute that is not known"));
    const std::string key = "\"server.key\"";
    EXPECT_THAT(problems_after(key, "\"pkcs11:object=srv;type=private\""),
                AllOf(HasSubstr("[[listener]] 'key'"), HasSubstr("token=")));
    EXPECT_THAT(problems_after(key, "\"pkcs11:token=coffer\""), HasSubstr("names no key"));
    EXPECT_THAT(problems_after(key, "\"pkcs11:token=coffer;object=srv;type=cert\""),
                HasSubstr("type=private"));
    EXPECT_EQ(problems_after(key, "\"pkcs11:token=coffer;object=srv;type=private\""), "none");
    EXPECT_EQ(problems_after(key, "\"pkcs11:serial=17;id=%01\""), "none");
}

TEST(Config, ConnectionStringsThatCanNeverWorkAreRefused) {
    const std::string good = "host=/run/postgresql dbname=coffer";
    for (const auto& [conninfo, said] :
         {std::pair{"hots=x", "hots"}, std::pair{"host", "missing"},
          std::pair{"host=db sslmode=verfy-full", "sslmode"}, std::pair{"host=db port=54x2", "54x2"},
          std::pair{"host=db port=70000", "70000"}, std::pair{"host=a,b,c port=1,2", "port"},
          std::pair{"host=a,b hostaddr=127.0.0.1", "hostaddr"},
          std::pair{"host=db target_session_attrs=readwrite", "target_session_attrs"},
          std::pair{"host=db keepalives_idle=soon", "keepalives_idle"},
          std::pair{"postgresql://db:x/coffer", "port"},
          std::pair{"postgresql://db/coffer?hots=x", "hots"}}) {
        EXPECT_THAT(problems_after(good, conninfo),
                    AllOf(HasSubstr("cofferd.toml:"), HasSubstr("[database] 'conninfo'"), HasSubstr(said)))
            << conninfo;
    }
    for (const auto* conninfo :
         {"dbname=coffer", "host=a,b port=5432,5433 target_session_attrs=read-write", "host=a,b port=5432",
          "host=a,b hostaddr=127.0.0.1,127.0.0.2 port=,5433", "port=5432,5433",
          "postgresql://a:5432,b/coffer?sslmode=verify-full", "host=no.such.host.invalid dbname=coffer"}) {
        EXPECT_EQ(problems_after(good, conninfo), "none") << conninfo;
    }
}

}  // namespace
}  // namespace coffer::server
