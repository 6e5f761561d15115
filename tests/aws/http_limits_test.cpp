// The AWS front door over TLS: what hostile bytes do, and what a peer can take: time, memory, connections,
// requests. Time-outs are set short here; nothing below measures time.

#include <gtest/gtest.h>

#include <memory>

#include "aws_server.hpp"

namespace coffer::testing {
namespace {

// ---- bytes -----------------------------------------------------------------------------------------------

TEST(AwsHttpLimits, HostileBytesEndTheConnectionAndNoOther) {
    AwsServer aws;
    HttpsClient bystander(aws.server());
    const std::string head = "POST / HTTP/1.1\r\nHost: x\r\n";
    const std::vector<std::pair<std::string, unsigned>> cases{
        {"nonsense\r\n\r\n", 400},
        {"POST / HTTP/2.0\r\nHost: x\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n\r\n", 400},
        {head + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400},
        {head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400},
        {head + "Content-Length: 2, 2\r\n\r\n{}", 400},
        {head + "Content-Length: -1\r\n\r\n", 400},
        {head + "Content-Length: 99999999999999999999\r\n\r\n", 400},
        {head + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {head + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n", 400},
        {head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
        {head + "Transfer-Encoding: xchunked\r\n\r\n", 501},
        {head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {head + "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", 501},
        {head + "Host: y\r\n\r\n", 400},
        {head + "X-Amz-Target: a\r\nx-amz-target: b\r\n\r\n", 400},
        {head + "X-Amz-Target : a\r\n\r\n", 400},
        {head + "X-Amz-Target: a\nX: b\r\n\r\n", 400},
        {head + "X: a\r\n b\r\nContent-Length: 0\r\n\r\n", 400},
        {head + "X: a\r\n Content-Length: 999\r\nContent-Length: 2\r\n\r\n{}", 400},
        {head + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400},
        {head + "Transfer-Encoding:\r\n\tchunked\r\n\r\n0\r\n\r\n", 400},
        {head + "Expect: something\r\nContent-Length: 0\r\n\r\n", 417},
        {head + "Content-Length: 1048577\r\n\r\n", 413},
        {head + "X: " + std::string(40'000, 'a') + "\r\n\r\n", 431},
        {head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
    };
    for (const auto& [bytes, status] : cases) {
        HttpsClient client(aws.server());
        const auto response = client.ask(bytes);
        EXPECT_EQ(response.result_int(), status) << bytes.substr(0, 120);
        EXPECT_EQ(response["Connection"], "close") << bytes.substr(0, 120);
        EXPECT_TRUE(client.is_ended()) << bytes.substr(0, 120);
    }
    // Of what says how the body is cut, all is bounded as well.
    const auto chunked = head + "Transfer-Encoding: chunked\r\n\r\n";
    std::string extensions;
    for (int i = 0; i < 100; ++i) extensions += "1;" + std::string(100, 'a') + "\r\nx\r\n";
    std::string trailers = "1\r\nx\r\n0\r\n";
    for (int i = 0; i < 500; ++i) trailers += "X: yyyyyyyy\r\n";
    for (const auto& body :
         {"1;" + std::string(6'000, 'a'), "1;" + std::string(6'000, 'a') + "\r\nx\r\n0\r\n\r\n", extensions,
          trailers, trailers + "\r\n"}) {
        HttpsClient client(aws.server());
        EXPECT_EQ(client.ask(chunked + body).result_int(), 400U) << body.substr(0, 20);
        EXPECT_TRUE(client.is_ended());
    }
    std::string many = head;
    for (int i = 0; i < 101; ++i) many += "X-" + std::to_string(i) + ": y\r\n";
    HttpsClient client(aws.server());
    EXPECT_EQ(client.ask(many + "\r\n").result_int(), 431U);
    EXPECT_EQ(bystander.ask(aws.sign({})).result_int(), 200U);
    EXPECT_EQ(aws.seen.all().size(), 1U);
}

/// Each piece is a record of TLS, and ends where the parser has hardly anything left over.
TEST(AwsHttpLimits, HeadersAreCountedHoweverTheyCome) {
    AwsServer aws;
    for (const std::size_t length : {0U, 1'000U}) {
        HttpsClient client(aws.server());
        client.send("POST / HTTP/1.1\r\nHost: x\r\na:");
        const std::string piece = std::string(length, 'b') + "\r\na:";
        // With Host 101 headers; or 33 times 1,004 bytes.
        const std::size_t pieces = length == 0 ? 100 : 33;
        for (std::size_t i = 0; i < pieces; ++i) client.send(piece);
        const auto response = client.receive();
        EXPECT_EQ(response.result_int(), 431U);
        EXPECT_NE(response.body().find(length == 0 ? "100 headers" : "32768 bytes"), std::string::npos)
            << response.body();
        EXPECT_TRUE(client.is_ended());
    }
}

// ---- time and memory --------------------------------------------------------------------------------------

TEST(AwsHttpLimits, LongFormsAreRefusedUnread) {
    AwsServer aws;
    HttpsClient client(aws.server());
    for (const auto& form : {std::string(1'000'000, '&'), std::string(65'536, '&')}) {
        const auto response = client.ask(unsigned_request(form));
        EXPECT_EQ(response.result_int(), 400U);
        EXPECT_NE(response.body().find("<Code>ValidationError</Code>"), std::string::npos) << response.body();
    }
    EXPECT_EQ(client.ask("GET /?" + std::string(20'000, '&') + " HTTP/1.1\r\nHost: x\r\n\r\n").result_int(),
              400U);
    const auto token = std::string(20'000, 'x');
    EXPECT_EQ(client.ask(unsigned_request(web_identity("good") + "&Policy=" + token)).result_int(), 200U);
}

TEST(AwsHttpLimits, WhoDoesNotReadIsNotServedOn) {
    constexpr std::size_t kRequests = 400;
    AwsServer aws;
    HttpsClient client(aws.server(), {.receive_buffer = 4096});
    const auto big = aws.sign({.body = R"({"SecretId":"big"})"});
    std::string bytes;
    for (std::size_t i = 0; i < kRequests; ++i) bytes += big;
    client.send(bytes);
    // 24 MB of answers, far more than sockets hold. With each request of another client on the same thread
    // the first one's would go on.
    HttpsClient other(aws.server());
    for (std::size_t i = 0; i < kRequests; ++i) EXPECT_EQ(other.ask(aws.sign({})).result_int(), 200U);
    EXPECT_LT(aws.seen.all().size(), 2 * kRequests);
    for (std::size_t i = 0; i < kRequests; ++i) ASSERT_EQ(client.receive().result_int(), 200U);
    EXPECT_EQ(aws.seen.all().size(), 2 * kRequests);
}

TEST(AwsHttpLimits, ARequestThatOutlivesItsConnectionTakesNoPlace) {
    TestServerOptions options;
    options.limits.connections_per_principal = 1;
    options.limits.default_deadline = std::chrono::milliseconds(50);
    AwsServer aws(options);
    {
        HttpsClient client(aws.server());
        EXPECT_EQ(client.ask(aws.sign({.token = "slow"})).result_int(), 503U);
        EXPECT_TRUE(client.is_ended());
    }
    aws.server().wait_for_connections(0);
    EXPECT_EQ(aws.credentials.gate.waiting(), 1U);
    aws.credentials.gate.open();
    HttpsClient later(aws.server());
    EXPECT_NE(later.ask(aws.sign({})).body().find(R"("Name":"a")"), std::string::npos);
    EXPECT_EQ(aws.seen.all().size(), 1U) << "nor was it carried out";
    EXPECT_EQ(aws.server().turned_away.all(),
              std::vector<std::string>{"request RequestAbortedException arn:aws:iam::111122223333:user/bob"});
}

TEST(AwsHttpLimits, AnAnswerThatCannotBeMadeEndsItsConnectionAlone) {
    AwsServer aws;
    HttpsClient bystander(aws.server());
    EXPECT_EQ(bystander.ask(aws.sign({})).result_int(), 200U);
    HttpsClient client(aws.server());
    const auto bytes = aws.sign({});
    aws.clock.set_broken(true);  // answers have the time in them
    client.send(bytes);
    EXPECT_TRUE(client.is_ended());
    aws.clock.set_broken(false);
    EXPECT_EQ(bystander.ask(aws.sign({})).result_int(), 200U);
    wait_until(
        [&] { return aws.server().metrics().find("coffer_requests_in_flight 0") != std::string::npos; });
}

TEST(AwsHttpLimits, SlowRequestsEnd) {
    TestServerOptions options;
    options.limits.frame_timeout = std::chrono::milliseconds(100);
    AwsServer aws(options);
    HttpsClient client(aws.server());
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
    const auto response = client.receive();
    EXPECT_EQ(response.result_int(), 408U);
    EXPECT_NE(response.body().find(R"({"__type":"RequestTimeout",)"), std::string::npos) << response.body();
    EXPECT_EQ(response["Connection"], "close");
    EXPECT_TRUE(client.is_ended());
    // An empty line behind a body begins nothing that would be answered.
    HttpsClient other(aws.server());
    EXPECT_EQ(other.ask(aws.sign({}) + "\r\n").result_int(), 200U);
}

TEST(AwsHttpLimits, StrangersMayNotStay) {
    TestServerOptions options;
    options.limits.hello_timeout = std::chrono::milliseconds(100);
    AwsServer aws(options);
    HttpsClient known(aws.server());
    EXPECT_EQ(known.ask(aws.sign({})).result_int(), 200U);
    HttpsClient stranger(aws.server());
    EXPECT_TRUE(stranger.is_ended());
    EXPECT_EQ(known.ask(aws.sign({})).result_int(), 200U);
}

TEST(AwsHttpLimits, StrangersHoldOnlySoMuchTogether) {
    AwsServer aws({}, 100'000);
    HttpsClient known(aws.server());
    EXPECT_EQ(known.ask(aws.sign({})).result_int(), 200U);
    const std::string announced = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n";
    const auto fill = [&] {
        HttpsClient first(aws.server());
        first.send(announced + std::string(80'000, 'a'));
        HttpsClient second(aws.server());
        second.send(announced + std::string(80'000, 'a'));
        // One of them, whichever came later, is refused, and who is known is not.
        const auto big =
            aws.sign({.body = R"({"SecretId":"a","Other":")" + std::string(90'000, 'x') + R"("})"});
        EXPECT_EQ(known.ask(big).result_int(), 200U);
        HttpsClient small(aws.server());
        EXPECT_EQ(small.ask(aws.sign({})).result_int(), 200U);
        wait_until([&] {
            return aws.server().metrics().find("MalformedHttpRequestException") != std::string::npos;
        });
    };
    fill();
    // What they held is free again when they are gone.
    wait_until([&] { return aws.server().connections() == 1; });
    HttpsClient later(aws.server());
    EXPECT_EQ(later.ask(announced + std::string(90'000, 'a')).result_int(), 400U)
        << "read whole, and not signed";
}

TEST(AwsHttpLimits, RequestsBeyondTheirDeadlineAreAnswered) {
    TestServerOptions options;
    options.limits.default_deadline = std::chrono::milliseconds(50);
    AwsServer aws(options);
    HttpsClient client(aws.server());
    const auto response = client.ask(aws.sign({.body = R"({"SecretId":"wait"})"}));
    EXPECT_EQ(response.result_int(), 503U);
    EXPECT_NE(response.body().find("RequestTimeoutException"), std::string::npos);
    EXPECT_TRUE(client.is_ended()) << "no second answer to the same request";
    aws.gate.open();
}

TEST(AwsHttpLimits, RateLimitOfAPrincipal) {
    TestServerOptions options;
    options.limits.requests_per_second_per_principal = 1;
    AwsServer aws(options);
    HttpsClient client(aws.server());
    unsigned throttled = 0;
    for (int i = 0; i < 30; ++i) {
        const auto response = client.ask(aws.sign({}));
        if (response.result_int() == 200U) continue;
        EXPECT_EQ(error_of(response), R"(400 {"__type":"ThrottlingException","message":"Rate exceeded"})");
        ++throttled;
    }
    EXPECT_GT(throttled, 0U);
}

// ---- refused requests ------------------------------------------------------------------------------------

/// To nobody's operation, by nobody.
constexpr std::string_view kRefused = "POST / HTTP/1.1\r\nHost: x\r\n\r\n";

TEST(AwsHttpLimits, TwentyRefusalsInARowEndAConnection) {
    TestServerOptions options;
    options.limits.unsigned_requests_per_second_per_address = 0;
    AwsServer aws(options);
    HttpsClient client(aws.server());
    for (int i = 0; i < 19; ++i) EXPECT_EQ(client.ask(kRefused)["Connection"], "");
    EXPECT_EQ(client.ask(aws.sign({})).result_int(), 200U) << "somebody after all";
    for (int i = 0; i < 19; ++i) EXPECT_EQ(client.ask(kRefused)["Connection"], "");
    const auto last = client.ask(aws.sign({.secret = "another"}));
    EXPECT_NE(last.body().find("InvalidSignatureException"), std::string::npos) << last.body();
    EXPECT_EQ(last["Connection"], "close");
    EXPECT_TRUE(client.is_ended());
}

TEST(AwsHttpLimits, RefusalsCountForTheAddress) {
    TestServerOptions options;
    options.limits.unsigned_requests_per_second_per_address = 1;
    AwsServer aws(options);
    HttpsClient known(aws.server());
    unsigned ended_early = 0;
    for (int connection = 0; connection < 5; ++connection) {
        HttpsClient client(aws.server());
        for (int i = 1; i < 20; ++i) {
            const auto response = client.ask(kRefused);
            EXPECT_NE(response.body().find("UnknownOperationException"), std::string::npos);
            if (response["Connection"] != "close") continue;
            EXPECT_TRUE(client.is_ended());
            ++ended_early;
            break;
        }
    }
    EXPECT_GE(ended_early, 1U);
    // Neither who signed nor what is refused to him.
    for (int i = 0; i < 30; ++i) {
        EXPECT_EQ(known.ask(aws.sign({.body = "[]"}))["Connection"], "");
    }
}

TEST(AwsHttpLimits, StrangersAreLimitedByTheirAddress) {
    TestServerOptions options;
    options.limits.unsigned_requests_per_second_per_address = 2;
    AwsServer aws(options);
    unsigned throttled = 0;
    auto client = std::make_unique<HttpsClient>(aws.server());
    for (int i = 0; i < 40; ++i) {
        const auto response = client->ask(unsigned_request(web_identity("good")));
        if (response.result_int() == 200U) continue;
        EXPECT_EQ(response.result_int(), 400U);
        EXPECT_NE(response.body().find("<Code>Throttling</Code>"), std::string::npos) << response.body();
        EXPECT_EQ(response["Connection"], "close");
        EXPECT_TRUE(client->is_ended());
        ++throttled;
        client = std::make_unique<HttpsClient>(aws.server());
    }
    EXPECT_GE(throttled, 1U);
    EXPECT_EQ(client->ask(aws.sign(sts_request())).result_int(), 200U) << "who signs is limited by himself";
}

}  // namespace
}  // namespace coffer::testing
