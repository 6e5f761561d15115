// The HTTPS client against a TLS server that answers what it is told to, byte for byte: RFC 9112 and the
// client's own limits.

#include "daemon/net/https_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <thread>

#include "daemon/net/answer_reader.hpp"
#include "pki.hpp"
#include "tls_peer.hpp"

namespace coffer::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::PeerMode;
using testing::ScriptedAnswer;
using testing::TlsPeer;
using ::testing::UnorderedElementsAre;
using End = ScriptedAnswer::End;
using std::chrono::milliseconds;

/// Of the body, in these tests.
constexpr std::size_t kBodyMax = 1000;
const std::string kOk = "HTTP/1.1 200 OK\r\n";
const std::string kChunked = kOk + "Transfer-Encoding: chunked\r\n\r\n";

std::string sized(std::string_view body, std::string_view fields = "") {
    return kOk + std::string(fields) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string(body);
}

class HttpsClientTest : public ::testing::Test {
protected:
    HttpsClientTest() : files_(folder_.path(), "localhost") {}

    /// The body of the answer to a GET; or the error, with the status 0.
    struct Outcome {
        unsigned status = 0;
        std::string text;
    };
    static Outcome ask(HttpsClient& client, const HttpsRequest& request = {}) {
        std::string body(kBodyMax, '\0');
        try {
            if (!client.is_connected()) client.connect();
            const auto answer =
                client.exchange(request, {reinterpret_cast<std::uint8_t*>(body.data()), body.size()});
            return {answer.status, body.substr(0, answer.body_bytes)};
        } catch (const ConnectionError& error) {
            EXPECT_FALSE(client.is_connected());
            return {0, error.what()};
        }
    }
    /// What becomes of one answer. A client that waits for more of it than it should says "timed out".
    [[nodiscard]] Outcome outcome_of(ScriptedAnswer answer, milliseconds limit = milliseconds(20'000)) const {
        TlsPeer peer(files_, {std::move(answer)});
        auto target = testing::target_of(files_, peer.port());
        target.io_timeout = limit;
        HttpsClient client(target);
        auto outcome = ask(client);
        EXPECT_FALSE(client.is_connected());
        return outcome;
    }
    [[nodiscard]] std::string body_of(ScriptedAnswer answer) const {
        const auto outcome = outcome_of(std::move(answer));
        EXPECT_EQ(outcome.status, 200U) << outcome.text;
        return outcome.text;
    }
    std::string error_of(ScriptedAnswer answer) const {
        const auto outcome = outcome_of(std::move(answer));
        EXPECT_EQ(outcome.status, 0U);
        EXPECT_THAT(outcome.text, HasSubstr(": read the answer: "));
        EXPECT_THAT(outcome.text, Not(HasSubstr("timed out")));
        return outcome.text;
    }

    testing::TemporaryFolder folder_;
    testing::PeerFiles files_;
};

std::vector<std::string> lines_in(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

// ---- requests

TEST_F(HttpsClientTest, AsksAsTheStandardSays) {
    TlsPeer peer(files_, {{{sized("a")}}, {{sized("b")}}});
    HttpsClient client(testing::target_of(files_, peer.port()));
    const std::string body = "a=b\r\n&c";
    HttpsRequest post;
    post.method = "POST";
    post.target = "/v1/keys?all=%20";
    post.fields = {{"Accept", "text/plain"}, {"user-agent", "tester"}};
    post.body = {reinterpret_cast<const std::uint8_t*>(body.data()), body.size()};
    EXPECT_EQ(ask(client, post).text, "a");
    EXPECT_EQ(ask(client).text, "b");
    ASSERT_EQ(peer.received().size(), 2U);
    const auto host = "Host: localhost:" + std::to_string(peer.port()) + "\r";
    auto lines = lines_in(peer.received()[0]);
    ASSERT_GT(lines.size(), 3U);
    EXPECT_EQ(lines.front(), "POST /v1/keys?all=%20 HTTP/1.1\r");
    EXPECT_EQ(lines.back(), "&c");
    lines.erase(lines.begin());
    lines.resize(lines.size() - 3);
    EXPECT_THAT(lines, UnorderedElementsAre(host, "Accept: text/plain\r", "user-agent: tester\r",
                                            "Connection: close\r", "Content-Length: 7\r"));
    EXPECT_THAT(peer.received()[0], ::testing::EndsWith("\r\n\r\n" + body));
    lines = lines_in(peer.received()[1]);
    ASSERT_FALSE(lines.empty());
    EXPECT_EQ(lines.front(), "GET / HTTP/1.1\r");
    lines.erase(lines.begin());
    EXPECT_THAT(lines, UnorderedElementsAre(host, "User-Agent: cofferd\r", "Connection: close\r", "\r"));
}

TEST_F(HttpsClientTest, WhatWouldBeReadAsSomethingElseIsNotSent) {
    TlsPeer peer(files_, {{{sized("")}}});
    HttpsClient client(testing::target_of(files_, peer.port()));
    client.connect();
    std::vector<std::uint8_t> room(kBodyMax);
    bool was_ready = false;
    const auto refused = [&](const std::function<void(HttpsRequest&)>& change) {
        HttpsRequest request;
        request.before_sending = [&] { was_ready = true; };
        change(request);
        EXPECT_THROW((void)client.exchange(request, room), UnsendableRequest);
    };
    for (const auto* method : {"", "GET ", "GET /x", "G\r\nT"})
        refused([&](auto& request) { request.method = method; });
    for (const auto* target : {"", "x", "/a b", "/a\r\nX: y", "/a\tb"})
        refused([&](auto& request) { request.target = target; });
    for (const auto* name : {"", "X:", "X Y", "X\r\nY", "content-length", "Transfer-Encoding", "Connection"})
        refused([&](auto& request) { request.fields = {{name, "1"}}; });
    using namespace std::string_view_literals;
    for (const auto value : {"a\r\nX: y"sv, "a\n"sv, "a\0b"sv, "\x7f"sv})
        refused([&](auto& request) { request.fields = {{"X", value}}; });
    EXPECT_FALSE(was_ready);
    HttpsRequest stopped;
    stopped.before_sending = [] { throw std::runtime_error("not now"); };
    EXPECT_THROW((void)client.exchange(stopped, room), std::runtime_error);
    // All the same, the connection has had nothing on it.
    EXPECT_EQ(ask(client).status, 200U);
    EXPECT_EQ(peer.received().size(), 1U);
    EXPECT_EQ(peer.connections(), 1);
}

// ---- connections

TEST_F(HttpsClientTest, KeepsAConnectionWhenBothWantTo) {
    const std::string bye = "Connection: close\r\n";
    TlsPeer peer(files_, {{{sized("1")}, {}, {}, End::next_request},
                          {{kChunked + "1\r\n2\r\n0\r\n\r\n"}, {}, {}, End::next_request},
                          {{sized("3", bye)}},
                          {{sized("4")}}});
    HttpsClient client(testing::target_of(files_, peer.port()));
    HttpsRequest request;
    request.keep_alive = true;
    EXPECT_EQ(ask(client, request).text, "1");
    EXPECT_EQ(ask(client, request).text, "2");
    EXPECT_EQ(peer.connections(), 1);
    EXPECT_EQ(ask(client, request).text, "3");
    EXPECT_FALSE(client.is_connected());
    EXPECT_EQ(ask(client).text, "4");
    EXPECT_FALSE(client.is_connected());
    EXPECT_EQ(peer.connections(), 2);
    const auto sent = peer.received();
    ASSERT_EQ(sent.size(), 4U);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_THAT(sent[i], Not(HasSubstr("Connection")));
    EXPECT_THAT(sent[3], HasSubstr("Connection: close\r\n"));
}

TEST_F(HttpsClientTest, WhatComesBehindAnAnswerIsNoAnswer) {
    TlsPeer peer(files_, {{{sized("mine") + sized("forged")}}, {{sized("true")}}});
    HttpsClient client(testing::target_of(files_, peer.port()));
    HttpsRequest request;
    request.keep_alive = true;
    EXPECT_EQ(ask(client, request).text, "mine");
    EXPECT_FALSE(client.is_connected());
    EXPECT_EQ(ask(client, request).text, "true");
    EXPECT_EQ(peer.connections(), 2);
}

// ---- answers

TEST_F(HttpsClientTest, RedirectionsAreAnswers) {
    EXPECT_EQ(outcome_of({{"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"}}).status, 302U);
}

TEST_F(HttpsClientTest, BodiesUpToTheirLimit) {
    const std::string most(kBodyMax, 'x');
    EXPECT_EQ(body_of({{sized(most)}}), most);
    EXPECT_EQ(body_of({{kChunked, "3e8\r\n" + most, "\r\n0\r\n\r\n"}}), most);
    EXPECT_EQ(body_of({{kOk + "\r\n", most}, {}, {}, End::close_notify}), most);
    // What says that it is more is refused before it comes: here it never does.
    EXPECT_THAT(error_of({{kOk + "Content-Length: 1001\r\n\r\n"}}), HasSubstr("body limit exceeded"));
    EXPECT_THAT(error_of({{kOk + "Content-Length: 18446744073709551615\r\n\r\n"}}),
                HasSubstr("body limit exceeded"));
    EXPECT_THAT(error_of({{kChunked, "3e9\r\n"}}), HasSubstr("body limit exceeded"));
    EXPECT_THAT(error_of({{kChunked, "3e7\r\n" + most.substr(1) + "\r\n", "2\r\n"}}),
                HasSubstr("body limit exceeded"));
    EXPECT_THAT(error_of({{kOk + "\r\n"}, most}), HasSubstr("body limit exceeded"));
}

TEST_F(HttpsClientTest, AnAnswerThatWasCutIsNone) {
    for (const auto end : {End::close_notify, End::cut}) {
        error_of({{}, {}, {}, end});
        error_of({{"HTTP/1.1 200 O"}, {}, {}, end});
        error_of({{kOk + "Content-Length: 5\r\n"}, {}, {}, end});
        error_of({{kOk + "Content-Length: 5\r\n\r\nhell"}, {}, {}, end});
        error_of({{kChunked + "5\r\nhello\r\n"}, {}, {}, end});
        error_of({{kChunked + "5\r\nhello\r\n0\r\n"}, {}, {}, end});
    }
    // Only TLS says here whether the end is the server's, or that of somebody on the way (RFC 9112, 9.8).
    EXPECT_EQ(body_of({{kOk + "\r\nhello"}, {}, {}, End::close_notify}), "hello");
    error_of({{kOk + "\r\nhello"}, {}, {}, End::cut});
}

TEST_F(HttpsClientTest, WhatIsNotHttp) {
    for (const std::string& answer :
         {std::string("garbage\r\n\r\n"), std::string("SSH-2.0-x\r\n"), std::string(64, '\0'),
          std::string("HTTP/2.0 200 OK\r\n\r\n"), std::string("HTTP/1.1 20 OK\r\n\r\n"),
          std::string("HTTP/1.1 2000 OK\r\n\r\n"), std::string("HTTP/1.1 099 OK\r\n\r\n"),
          kOk + "no colon\r\n\r\n", kOk + "A : b\r\n\r\n", kOk + "Content-Length: -1\r\n\r\n",
          kOk + "Content-Length: 1x\r\n\r\n", kChunked + "x\r\nabc", kChunked + "-1\r\nabc",
          kChunked + "1\r\nab\r\n0\r\n\r\n", kChunked + "fffffffffffffffff\r\n"}) {
        error_of({{answer}});
    }
}

TEST_F(HttpsClientTest, LengthsThatContradictEachOther) {
    // RFC 9112, section 6.3: one of these may be an attempt at smuggling.
    error_of({{kOk + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"}});
    error_of({{kOk + "Content-Length: 1, 2\r\n\r\nab"}});
    error_of({{kOk + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"}});
    error_of({{kOk + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n1\r\na\r\n0\r\n\r\n"}});
    error_of({{kChunked + "0\r\nContent-Length: 5\r\n\r\n"}});
}

// ---- servers that do not come to an end

TEST_F(HttpsClientTest, HeadersHaveALimit) {
    const std::string end = "Content-Length: 1\r\n\r\n";
    const auto with_header_of = [&](std::size_t bytes) {
        const std::string name = "X: ";
        return kOk + name + std::string(bytes - kOk.size() - name.size() - 2 - end.size(), 'x') + "\r\n" +
               end + "a";
    };
    EXPECT_EQ(body_of({{with_header_of(16 * 1024)}}), "a");
    EXPECT_THAT(error_of({{with_header_of(16 * 1024 + 1)}}), HasSubstr("header limit exceeded"));
}

TEST_F(HttpsClientTest, EndlessHeaders) {
    const auto refused = HasSubstr("header limit exceeded");
    EXPECT_THAT(error_of({{kOk}, "X: y\r\n"}), refused);        // each field in a record of its own
    EXPECT_THAT(error_of({{kOk + "X"}, ": y\r\nX"}), refused);  // a record ends in the next field's name
    EXPECT_THAT(error_of({{kOk + "X: "}, "y"}), refused);
    EXPECT_THAT(error_of({{kOk + "X: y"}, "\r\n z"}), refused);  // folded lines (RFC 9112, section 5.2)
    EXPECT_THAT(error_of({{"HTTP/1.1 200 "}, "reason "}), refused);
    EXPECT_THAT(error_of({{kOk}, std::string(16 * 1024, 'x')}), refused);
}

TEST_F(HttpsClientTest, AnswersThatOnlySayThatTheAnswerWillCome) {
    const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
    const auto many = [&](int count) {
        std::string text;
        for (int i = 0; i < count; ++i) text += interim;
        return text;
    };
    EXPECT_EQ(body_of({{interim, many(4) + sized("at last")}}), "at last");
    EXPECT_THAT(error_of({{many(6) + sized("too late")}}), HasSubstr("does not come to its answer"));
    EXPECT_THAT(error_of({{}, interim}), HasSubstr("does not come to its answer"));
    // All their fields count: 2 * 9,000 bytes.
    const auto large = "HTTP/1.1 103 Early Hints\r\nLink: " + std::string(9'000, 'x') + "\r\n\r\n";
    EXPECT_EQ(body_of({{large, sized("a")}}), "a");
    EXPECT_THAT(error_of({{large, large, sized("a")}}), HasSubstr("header limit exceeded"));
    // Nobody asked for it (RFC 9110, section 15.2.2).
    error_of({{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"}});
}

TEST_F(HttpsClientTest, ChunksHaveALimit) {
    // 107 bytes that carry one: 500 of them have 53,500, within the body's 1,000 and 64 KiB; 999 do not.
    const auto chunk = "1;" + std::string(100, 'e') + "\r\nx\r\n";
    const auto many = [&](int count) {
        ScriptedAnswer answer{{kChunked}};
        for (int i = 0; i < count; ++i) answer.pieces.push_back(chunk);
        answer.pieces.emplace_back("0\r\n\r\n");
        return answer;
    };
    EXPECT_EQ(body_of(many(500)), std::string(500, 'x'));
    EXPECT_THAT(error_of(many(999)), HasSubstr("too many bytes"));
}

TEST_F(HttpsClientTest, EndlessChunks) {
    EXPECT_THAT(error_of({{kChunked}, "1\r\nx\r\n"}), HasSubstr("body limit exceeded"));
    EXPECT_THAT(error_of({{kChunked + "1;"}, "e"}), HasSubstr("too long"));
    EXPECT_THAT(error_of({{kChunked + "1"}, ";e=\"f\""}), HasSubstr("too long"));
    error_of({{kChunked}, "0"});
    EXPECT_THAT(error_of({{kChunked}, "1;" + std::string(10'000, 'e') + "\r\nx\r\n"}),
                HasSubstr("too many bytes"));
}

TEST_F(HttpsClientTest, Trailers) {
    EXPECT_EQ(body_of({{kChunked + "1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n"}}), "a");
    EXPECT_THAT(error_of({{kChunked + "1\r\na\r\n0\r\n"}, "X: y\r\n"}), HasSubstr("too long"));
    EXPECT_THAT(error_of({{kChunked + "1\r\na\r\n0;"}, "e"}), HasSubstr("too long"));
}

TEST_F(HttpsClientTest, OneLimitOfTimeForTheWholeAnswer) {
    const milliseconds limit(300);
    const auto timed_out = HasSubstr("read the answer: timed out");
    EXPECT_THAT(outcome_of({{}}, limit).text, timed_out);
    EXPECT_THAT(outcome_of({{kOk}}, limit).text, timed_out);
    EXPECT_THAT(outcome_of({{kOk + "Content-Length: 5\r\n\r\nhell"}}, limit).text, timed_out);
    // Each byte comes in time.
    EXPECT_THAT(outcome_of({{kOk + "X: "}, "y", milliseconds(20)}, limit).text, timed_out);
    TlsPeer peer(files_, {{{kOk}}});
    HttpsClient client(testing::target_of(files_, peer.port()));
    HttpsRequest request;
    request.deadline = std::chrono::steady_clock::now() + limit;
    EXPECT_THAT(ask(client, request).text, timed_out);
}

TEST_F(HttpsClientTest, CanBeStopped) {
    TlsPeer peer(files_, {{{kOk}}});
    HttpsClient client(testing::target_of(files_, peer.port()));
    std::thread stopper([&] {
        EXPECT_TRUE(peer.wait_for(1));
        client.cancel();
    });
    EXPECT_THAT(ask(client).text, HasSubstr(": stopped"));
    stopper.join();
    EXPECT_THAT(ask(client).text, HasSubstr(": stopped"));
}

}  // namespace
}  // namespace coffer::net
