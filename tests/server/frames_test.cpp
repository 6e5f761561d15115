// The Hello, and frames good and hostile.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "test_server.hpp"

namespace coffer::testing {
namespace {

using ::testing::HasSubstr;
using Reason = v1::ConnectionError;

/// Expects the daemon's last word to be `reason`, and the connection to be closed in order after it.
void expect_ended(TestClient& client, Reason::Reason reason) {
    const auto frame = client.read_frame();
    ASSERT_TRUE(frame.has_value()) << client.end();
    ASSERT_TRUE(frame->has_connection_error()) << frame->ShortDebugString();
    EXPECT_EQ(frame->connection_error().reason(), reason) << frame->ShortDebugString();
    EXPECT_FALSE(client.read_frame().has_value());
    EXPECT_EQ(client.end(), "close_notify");
}

class Frames : public ::testing::Test {
protected:
    TestServer server;
    TestClient client{server.client()};
};

TEST_F(Frames, TheFirstFrameMustBeAHello) {
    client.send_frame(get_frame(1, "early"));
    expect_ended(client, Reason::HELLO_EXPECTED);
    EXPECT_TRUE(server.seen.all().empty());
}

TEST_F(Frames, ASecondHelloIsRefused) {
    ASSERT_TRUE(client.hello().has_value());
    client.send_frame(hello_frame());
    expect_ended(client, Reason::HELLO_EXPECTED);
}

TEST_F(Frames, AVersionToComeIsRefused) {
    client.send_frame(hello_frame(2, 3));
    expect_ended(client, Reason::UNSUPPORTED_VERSION);
}

TEST_F(Frames, TheHighestCommonVersionIsChosen) {
    client.send_frame(hello_frame(1, 9));
    const auto reply = client.read_frame();
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->hello_reply().version(), 1U);
}

TEST_F(Frames, RequestsMayFollowTheHelloAtOnce) {
    client.send_bytes(wire(hello_frame()) + wire(get_frame(1, "a")) + wire(get_frame(2, "b")));
    ASSERT_TRUE(client.read_frame().has_value());
    std::set<std::uint64_t> ids;
    for (int i = 0; i < 2; ++i) {
        const auto answer = client.read_frame();
        ASSERT_TRUE(answer.has_value());
        ids.insert(answer->response().id());
    }
    EXPECT_EQ(ids, (std::set<std::uint64_t>{1, 2}));
}

TEST_F(Frames, OneFrameMayComeInManyRecords) {
    ASSERT_TRUE(client.hello().has_value());
    const std::string bytes = wire(get_frame(5, std::string(996, 'n')));
    ASSERT_GT(bytes.size(), 1000U);
    for (const char byte : bytes) ASSERT_TRUE(client.send_bytes(std::string(1, byte)));
    const auto answer = client.read_frame();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->response().id(), 5U);
}

TEST_F(Frames, ALargeFrameMayCrossRecords) {
    ASSERT_TRUE(client.hello().has_value());
    const std::string name(300'000, 'n');
    ASSERT_TRUE(client.send_bytes(wire(get_frame(6, name)) + wire(get_frame(7, "next"))));
    const auto answer = client.read_frame();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->response().get_secret_value().name(), name);
    EXPECT_EQ(client.read_frame()->response().id(), 7U);
}

TEST_F(Frames, LengthZero) {
    ASSERT_TRUE(client.hello().has_value());
    client.send_bytes(prefix(0));
    expect_ended(client, Reason::MALFORMED_FRAME);
}

TEST_F(Frames, LengthOf4GiB) {
    ASSERT_TRUE(client.hello().has_value());
    client.send_bytes(prefix(0xFFFFFFFFU));
    expect_ended(client, Reason::FRAME_TOO_LARGE);
}

TEST_F(Frames, OneByteOverTheLimit) {
    ASSERT_TRUE(client.hello().has_value());
    client.send_bytes(prefix(1024 * 1024 + 1));
    expect_ended(client, Reason::FRAME_TOO_LARGE);
}

TEST_F(Frames, GarbageInAFrame) {
    ASSERT_TRUE(client.hello().has_value());
    client.send_bytes(prefix(8) + "\xff\xff\xff\xff\xff\xff\xff\xff");
    expect_ended(client, Reason::MALFORMED_FRAME);
}

TEST_F(Frames, AVarintOfElevenBytes) {
    ASSERT_TRUE(client.hello().has_value());
    client.send_bytes(prefix(11) + std::string(10, '\xff') + "\x01");
    expect_ended(client, Reason::MALFORMED_FRAME);
}

TEST_F(Frames, AFrameOfUnknownFieldsAlone) {
    ASSERT_TRUE(client.hello().has_value());
    client.send_bytes(prefix(3) + "\xf8\x07\x01");  // field 127, varint 1: no kind that this version knows
    expect_ended(client, Reason::MALFORMED_FRAME);
}

TEST_F(Frames, NestedTenThousandDeep) {
    ASSERT_TRUE(client.hello().has_value());
    // Groups of an unknown field (wire type 3) nest without any length.
    client.send_bytes(prefix(20'000) + std::string(10'000, '\x0b') + std::string(10'000, '\x0c'));
    expect_ended(client, Reason::MALFORMED_FRAME);
}

TEST_F(Frames, InvalidUtf8InATextField) {
    ASSERT_TRUE(client.hello().has_value());
    std::string bytes = wire(get_frame(1, "xx"));
    bytes[bytes.size() - 1] = '\xff';
    client.send_bytes(bytes);
    expect_ended(client, Reason::MALFORMED_FRAME);
    EXPECT_TRUE(server.seen.all().empty());
}

TEST_F(Frames, TheLastOfSeveralOperationsCounts) {
    // A protobuf oneof that occurs twice has the later value (Protocol Buffers encoding, "Last One Wins").
    ASSERT_TRUE(client.hello().has_value());
    const std::string one = get_frame(1, "one").SerializeAsString();
    const std::string two = get_frame(2, "two").SerializeAsString();
    client.send_bytes(prefix(static_cast<std::uint32_t>(one.size() + two.size())) + one + two);
    const auto answer = client.read_frame();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->response().id(), 2U);
    EXPECT_EQ(answer->response().get_secret_value().name(), "two");
}

TEST_F(Frames, KindsThatOnlyTheDaemonSends) {
    ASSERT_TRUE(client.hello().has_value());
    v1::Frame frame;
    frame.mutable_response()->set_id(1);
    client.send_frame(frame);
    expect_ended(client, Reason::MALFORMED_FRAME);
}

TEST_F(Frames, AClientThatReportsAnErrorIsLetGo) {
    ASSERT_TRUE(client.hello().has_value());
    v1::Frame frame;
    frame.mutable_connection_error()->set_message("bye");
    client.send_frame(frame);
    EXPECT_FALSE(client.read_frame().has_value());
    EXPECT_EQ(client.end(), "close_notify");
}

TEST_F(Frames, HalfAFrameBeforeTheEndIsNothing) {
    ASSERT_TRUE(client.hello().has_value());
    const std::string bytes = wire(get_frame(1, "half"));
    client.send_bytes(bytes.substr(0, bytes.size() - 1));
    client.cut_off();
    EXPECT_FALSE(client.read_frame().has_value());
    server.wait_for_connections(0);
    EXPECT_TRUE(server.seen.all().empty());
}

TEST_F(Frames, WhoStopsSendingStillGetsAnswers) {
    ASSERT_TRUE(client.hello().has_value());
    client.send_frame(get_frame(1, "wait/answer"));
    client.finish_sending();
    wait_until([&] { return server.gate.waiting() == 1; });
    server.gate.open();
    const auto answer = client.read_frame();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->response().id(), 1U);
    EXPECT_FALSE(client.read_frame().has_value());
    EXPECT_EQ(client.end(), "close_notify");
}

TEST_F(Frames, AnswersComeInTheOrderInWhichTheyAreDone) {
    ASSERT_TRUE(client.hello().has_value());
    client.send_bytes(wire(get_frame(1, "wait/slow")) + wire(get_frame(2, "fast")));
    const auto first = client.read_frame();
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(first->response().id(), 2U);
    server.gate.open();
    const auto second = client.read_frame();
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(second->response().id(), 1U);
}

TEST_F(Frames, AHandlerThatThrowsIsAnInternalError) {
    ASSERT_TRUE(client.hello().has_value());
    client.send_frame(get_frame(1, "throw"));
    const auto answer = client.read_frame();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->response().error().code(), v1::INTERNAL_SERVICE_ERROR);
    EXPECT_EQ(answer->response().error().message().find("as asked"), std::string::npos);
    client.send_frame(get_frame(2, "next"));
    EXPECT_EQ(client.read_frame()->response().id(), 2U);
}

TEST_F(Frames, AnswersMayBeLargerThanRequests) {
    // docs/protocol.md, Frames: a client accepts 16 MiB.
    ASSERT_TRUE(client.hello().has_value());
    client.send_frame(get_frame(1, "big/16000000"));
    const auto answer = client.read_frame();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->response().get_secret_value().secret_string().size(), 16'000'000U);
    client.send_frame(get_frame(2, "big/16777217"));
    const auto refused = client.read_frame();
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused->response().id(), 2U);
    EXPECT_EQ(refused->response().error().code(), v1::INTERNAL_SERVICE_ERROR);
}

TEST_F(Frames, ATraceIdOverTheLimitIsAnErrorOfItsRequest) {
    ASSERT_TRUE(client.hello().has_value());
    v1::Frame frame = get_frame(1, "x");
    frame.mutable_request()->set_trace_id(std::string(129, 't'));
    client.send_frame(frame);
    const auto refused = client.read_frame();
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused->response().error().code(), v1::VALIDATION);
    EXPECT_THAT(refused->response().error().message(), HasSubstr("traceId"));
    std::string umlauts;
    for (int i = 0; i < 128; ++i) umlauts += "\xc3\xbc";  // 128 characters in 256 bytes
    frame.mutable_request()->set_trace_id(umlauts);
    client.send_frame(frame);
    EXPECT_TRUE(client.read_frame()->response().has_get_secret_value());
    EXPECT_EQ(server.seen.all().back().trace_id, umlauts);
}

TEST_F(Frames, ABrokenRecordEndsTheConnection) {
    ASSERT_TRUE(client.hello().has_value());
    client.send_raw(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
    EXPECT_FALSE(client.read_frame().has_value());
    server.wait_for_connections(0);
}

TEST_F(Frames, AKeyUpdateIsAnswered) {
    ASSERT_TRUE(client.hello().has_value());
    ASSERT_EQ(SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    client.send_frame(get_frame(1, "after"));
    const auto answer = client.read_frame();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->response().id(), 1U);
}

}  // namespace
}  // namespace coffer::testing
