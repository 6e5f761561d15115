#pragma once
// The program `coffer` against a server that answers as a test tells it to.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "test_pki.hpp"
#include "test_server.hpp"

namespace coffer::client_test {

struct Result {
    std::string out;  ///< what the command line wrote to standard output
    int code = 0;
};

class ProgramTest : public ::testing::Test {
protected:
    explicit ProgramTest(TestServer::Handler handler) {
        TestServer::Options options;
        options.handler = std::move(handler);
        server = std::make_unique<TestServer>(pki, pki.issue({"server", "DNS:localhost", "serverAuth"}),
                                              std::move(options));
        const auto files = pki.issue({"client", "DNS:client"});
        set("COFFER_ENDPOINT", "127.0.0.1:" + std::to_string(server->port()));
        set("COFFER_SERVER_NAME", "localhost");
        set("COFFER_CA_FILE", pki.ca_file().string());
        set("COFFER_CERT_FILE", files.certificate.string());
        set("COFFER_KEY_FILE", files.key.string());
        set("COFFER", COFFER_PROGRAM);
        set("HOME", pki.folder().string());
        set("TZ", "UTC0");
    }

    static void set(const std::string& name, const std::string& value) {
        ::setenv(name.c_str(), value.c_str(), 1);
    }

    /// Runs a line of shell, with the program as $COFFER.
    static Result run(const std::string& line) {
        std::FILE* pipe = ::popen(("exec </dev/null; " + line).c_str(), "r");
        Result result;
        std::array<char, 4096> chunk{};
        std::size_t got = 0;
        while ((got = std::fread(chunk.data(), 1, chunk.size(), pipe)) > 0)
            result.out.append(chunk.data(), got);
        const int status = ::pclose(pipe);
        result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        return result;
    }
    /// With standard error in `out`, too.
    static Result run_both(const std::string& line) { return run("{ " + line + "; } 2>&1"); }

    TestPki pki;
    std::unique_ptr<TestServer> server;
};

}  // namespace coffer::client_test
