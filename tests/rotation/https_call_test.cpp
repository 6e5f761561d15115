// Calls of rotation functions to a TLS server of the test's own.

#include "daemon/rotation/https_call.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pki.hpp"
#include "tls_peer.hpp"

namespace coffer::rotation {
namespace {

using crypto::SecretBytes;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ScriptedAnswer;
using testing::TlsPeer;
using Kind = StepFailed::Kind;

SecretBytes secret(std::string_view text) {
    return SecretBytes::copy_of(text);
}

class HttpsCallTest : public ::testing::Test {
protected:
    HttpsCallTest() : files_(folder_.path(), "localhost") {}

    [[nodiscard]] HttpsServer server(std::uint16_t port) const {
        return {"localhost", port, files_.folder() / "ca.pem"};
    }
    static HttpsRequest request() {
        HttpsRequest request;
        request.target = secret("/v1");
        return request;
    }
    static Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }

    testing::TemporaryFolder folder_;
    testing::PeerFiles files_;
};

TEST_F(HttpsCallTest, AsksOnceAndSaysWhatIsAnswered) {
    const std::string most(64UL * 1024, 'x');
    TlsPeer peer(
        files_,
        {{{"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 201 Created\r\nContent-Length: 65536\r\n\r\n", most}},
         {{"HTTP/1.1 302 Found\r\nLocation: /v2\r\nContent-Length: 0\r\n\r\n"}}});
    auto asked = request();
    asked.method = "PATCH";
    asked.headers.push_back({"authorization", secret("Bearer a")});
    asked.headers.push_back({"ACCEPT", secret("text/plain")});
    asked.headers.push_back({"content-type", secret("text/other")});
    asked.content_type = "application/json";
    asked.body = secret("{}");
    auto answer = call(server(peer.port()), asked, soon());
    EXPECT_EQ(answer.status, 201U);
    EXPECT_TRUE(answer.is_success());
    EXPECT_EQ(answer.body.text(), most);
    answer = call(server(peer.port()), request(), soon());
    EXPECT_EQ(answer.status, 302U);
    EXPECT_FALSE(answer.is_success());
    EXPECT_TRUE(answer.body.empty());
    const auto sent = peer.received();
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_THAT(sent[0], ::testing::StartsWith("PATCH /v1 HTTP/1.1\r\n"));
    EXPECT_THAT(sent[0], ::testing::EndsWith("\r\n\r\n{}"));
    for (const auto* line : {"authorization: Bearer a", "ACCEPT: text/plain",
                             "Content-Type: application/json", "Content-Length: 2", "Connection: close"})
        EXPECT_THAT(sent[0], HasSubstr("\r\n" + std::string(line) + "\r\n"));
    EXPECT_THAT(sent[0], Not(HasSubstr("text/other")));
    EXPECT_THAT(sent[0], Not(HasSubstr("application/json\r\nACCEPT")));
    EXPECT_THAT(sent[1], HasSubstr("\r\nAccept: application/json\r\n"));
    EXPECT_THAT(sent[1], Not(HasSubstr("Content-")));
}

TEST_F(HttpsCallTest, SaysWhetherTheServerMayHaveGotIt) {
    const auto sent = [](const HttpsServer& server, const HttpsRequest& request, bool& began) {
        try {
            (void)call(server, request, soon(), [&] { began = true; });
        } catch (const CallFailed& failed) {
            EXPECT_EQ(failed.kind(), Kind::retry);
            return failed.sent();
        }
        ADD_FAILURE() << "there was an answer";
        return false;
    };
    TlsPeer peer(files_, {{{}, {}, {}, ScriptedAnswer::End::cut},
                          {{"HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n"}}});
    bool began = false;
    EXPECT_TRUE(sent(server(peer.port()), request(), began));
    EXPECT_TRUE(began);
    EXPECT_TRUE(sent(server(peer.port()), request(), began));
    began = false;
    EXPECT_FALSE(sent(server(1), request(), began));
    // Its certificate is another's.
    auto stranger = server(peer.port());
    stranger.host = "127.0.0.1";
    EXPECT_FALSE(sent(stranger, request(), began));
    EXPECT_FALSE(began);
    EXPECT_THROW(reach(stranger, soon()), CallFailed);
    reach(server(peer.port()), soon());
    EXPECT_EQ(peer.received().size(), 2U);
}

TEST_F(HttpsCallTest, WhatCannotBeARequestIsHopeless) {
    TlsPeer peer(files_, {});
    auto asked = request();
    asked.headers.push_back({"X-Key", secret("s3cret\r\nX-Admin: 1")});
    bool began = false;
    try {
        (void)call(server(peer.port()), asked, soon(), [&] { began = true; });
        ADD_FAILURE();
    } catch (const StepFailed& failed) {
        EXPECT_EQ(failed.kind(), Kind::hopeless);
        EXPECT_THAT(failed.what(), HasSubstr("X-Key"));
        EXPECT_THAT(failed.what(), Not(HasSubstr("s3cret")));
    }
    EXPECT_FALSE(began);
}

}  // namespace
}  // namespace coffer::rotation
