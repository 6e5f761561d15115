// The configuration's file, the environment over it, and what is said when something is wrong.

#include "client/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "client/errors.hpp"

namespace coffer::client {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

/// The environment's variables of a test, put back at its end; and a folder.
class ConfigTest : public testing::Test {
protected:
    ConfigTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "coffer-config-XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
        for (const char* name :
             {"COFFER_CONFIG", "COFFER_ENDPOINT", "COFFER_SERVER_NAME", "COFFER_CA_FILE", "COFFER_CERT_FILE",
              "COFFER_KEY_FILE", "COFFER_ROLE", "COFFER_ROLE_SESSION_NAME", "XDG_CONFIG_HOME", "HOME"}) {
            if (const char* value = std::getenv(name)) before[name] = value;
            ::unsetenv(name);
        }
        set("HOME", folder.string());
    }
    ~ConfigTest() override {
        for (const auto& name : changed) ::unsetenv(name.c_str());
        for (const auto& [name, value] : before) ::setenv(name.c_str(), value.c_str(), 1);
        std::filesystem::remove_all(folder);
    }
    void set(const std::string& name, const std::string& value) {
        ::setenv(name.c_str(), value.c_str(), 1);
        changed.push_back(name);
    }
    std::filesystem::path write(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories((folder / name).parent_path());
        std::ofstream(folder / name) << text;
        return folder / name;
    }
    std::string complaint(const std::string& text) const {
        Config config;
        try {
            read_config_file(config, write("c.toml", text));
        } catch (const ConfigError& error) {
            return error.what();
        }
        return "no error";
    }

    std::filesystem::path folder;
    std::map<std::string, std::string> before;
    std::vector<std::string> changed;
};

TEST_F(ConfigTest, ReadsTheRole) {
    Config config;
    read_config_file(config, write("c.toml", "role = \"arn:aws:iam::111122223333:role/a\"\n"));
    EXPECT_EQ(config.role, "arn:aws:iam::111122223333:role/a");
    EXPECT_EQ(config.role_session_name, "coffer");
    set("COFFER_ROLE", "arn:aws:iam::111122223333:role/b");
    set("COFFER_ROLE_SESSION_NAME", "me");
    read_environment(config);
    EXPECT_EQ(config.role, "arn:aws:iam::111122223333:role/b");
    EXPECT_EQ(config.role_session_name, "me");
}

TEST_F(ConfigTest, ReadsAFile) {
    Config config;
    read_config_file(config, write("c.toml", R"(
endpoint = "coffer.example.org:7443"
server_name = "coffer"
ca_file = "tls/ca.crt"
cert_file = "/etc/coffer/me.crt"
key_file = "~/me.key"
connect_timeout = "1500ms"
deadline = "2m"
attempts = 7
connections = 2
[cache]
ttl = "1h"
serve_stale_for = "0s"
entries = 10
)"));
    EXPECT_EQ(config.host, "coffer.example.org");
    EXPECT_EQ(config.port, 7443);
    EXPECT_EQ(config.name_to_verify(), "coffer");
    EXPECT_EQ(config.ca_file, folder / "tls/ca.crt") << "relative to the file";
    EXPECT_EQ(config.cert_file, "/etc/coffer/me.crt");
    EXPECT_EQ(config.key_file, folder / "me.key");
    EXPECT_EQ(config.connect_timeout, 1500ms);
    EXPECT_EQ(config.deadline, 120s);
    EXPECT_EQ(config.attempts_max, 7U);
    EXPECT_EQ(config.connections_max, 2U);
    EXPECT_EQ(config.cache.ttl, 3600s);
    EXPECT_EQ(config.cache.serve_stale_for, 0ms);
    EXPECT_EQ(config.cache.entries_max, 10U);
}

TEST_F(ConfigTest, NamesTheLineOfWhatIsWrong) {
    EXPECT_THAT(complaint("endpoint = \"a:1\"\nendpiont = \"b:1\"\n"),
                AllOf(HasSubstr("c.toml:2"), HasSubstr("'endpiont' is not a known key")));
    EXPECT_THAT(complaint("deadline = 10\n"), AllOf(HasSubstr("c.toml:1"), HasSubstr("\"500ms\"")));
    EXPECT_THAT(complaint("deadline = \"10 parsecs\"\n"), HasSubstr("deadline must be a duration"));
    EXPECT_THAT(complaint("attempts = 0\n"), HasSubstr("from 1 to 100"));
    EXPECT_THAT(complaint("ca_file = true\n"), HasSubstr("ca_file must be a text"));
    EXPECT_THAT(complaint("[cache]\nttl = \"5m\"\nttk = \"5m\"\n"), HasSubstr("c.toml:3"));
    EXPECT_THAT(complaint("endpoint = \"a:1\nserver"), HasSubstr("c.toml:1"));
}

TEST_F(ConfigTest, AnEndpointIsHostAndPort) {
    Config config;
    set_endpoint(config, "[2001:db8::1]:7443", "test");
    EXPECT_EQ(config.host, "2001:db8::1");
    EXPECT_EQ(config.endpoint(), "[2001:db8::1]:7443");
    set_endpoint(config, "127.0.0.1:1", "test");
    EXPECT_EQ(config.endpoint(), "127.0.0.1:1");
    for (const char* bad :
         {"", "host", "host:", ":7443", "host:0", "host:65536", "host:x", "::1:7443", "host:1 "}) {
        EXPECT_THROW(set_endpoint(config, bad, "test"), ConfigError) << bad;
    }
}

TEST_F(ConfigTest, TheEnvironmentGoesOverTheFile) {
    write(".config/coffer/client.toml", "endpoint = \"file:1\"\nserver_name = \"from-file\"\n");
    set("COFFER_ENDPOINT", "environment:2");
    const Config config = load_config();
    EXPECT_EQ(config.host, "environment");
    EXPECT_EQ(config.port, 2);
    EXPECT_EQ(config.server_name, "from-file");
}

TEST_F(ConfigTest, TheFileIsOptionalUnlessItIsNamed) {
    EXPECT_NO_THROW(static_cast<void>(load_config()));
    set("COFFER_CONFIG", (folder / "none.toml").string());
    EXPECT_THROW(static_cast<void>(load_config()), ConfigError);
}

TEST_F(ConfigTest, TheFileHasThreePlaces) {
    EXPECT_EQ(config_file(), folder / ".config/coffer/client.toml");
    set("XDG_CONFIG_HOME", "/xdg");
    EXPECT_EQ(config_file(), "/xdg/coffer/client.toml");
    set("COFFER_CONFIG", "/named.toml");
    EXPECT_EQ(config_file(), "/named.toml");
}

TEST_F(ConfigTest, WhatIsMissingIsSaidWithItsPlace) {
    Config config;
    const auto complaint_of = [](const Config& incomplete) -> std::string {
        try {
            require_usable(incomplete);
        } catch (const ConfigError& error) {
            return error.what();
        }
        return "no error";
    };
    EXPECT_THAT(complaint_of(config), AllOf(HasSubstr("COFFER_ENDPOINT"), HasSubstr("client.toml")));
    set_endpoint(config, "a:1", "test");
    EXPECT_THAT(complaint_of(config), HasSubstr("COFFER_CA_FILE"));
    config.ca_file = "ca";
    EXPECT_THAT(complaint_of(config), HasSubstr("COFFER_CERT_FILE"));
    config.cert_file = "cert";
    EXPECT_THAT(complaint_of(config), HasSubstr("COFFER_KEY_FILE"));
    config.key_file = "key";
    EXPECT_EQ(complaint_of(config), "no error");
}

}  // namespace
}  // namespace coffer::client
