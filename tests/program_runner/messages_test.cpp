// Heads and messages between cofferd and coffer-runner: what was not said by the rules is not listened to.

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include "daemon/base/fd.hpp"
#include "daemon/program_runner/request.hpp"

namespace coffer::program_runner {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

Deadline soon() {
    return std::chrono::steady_clock::now() + std::chrono::seconds(30);
}

std::pair<Fd, Fd> connected() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    return {Fd(ends[0]), Fd(ends[1])};
}

std::string refusal_of(std::string_view head) {
    try {
        static_cast<void>(parse_request(head));
    } catch (const MessageError& error) {
        return error.what();
    }
    return "";
}

TEST(Request, GoesThereAndBack) {
    const Request request{Operation::run, ProgramKind::python, "rotate-app.v2", "createSecret",
                          milliseconds(30'000)};
    const auto read = parse_request(head_of(request));
    EXPECT_EQ(read.operation, Operation::run);
    EXPECT_EQ(read.kind, ProgramKind::python);
    EXPECT_EQ(read.program, "rotate-app.v2");
    EXPECT_EQ(read.step, "createSecret");
    EXPECT_EQ(read.timeout, milliseconds(30'000));
}

TEST(Answer, GoesThereAndBack) {
    const auto read = parse_answer(head_of(Answer{Outcome::signalled, 9, "why \"so\"", true}));
    EXPECT_EQ(read.outcome, Outcome::signalled);
    EXPECT_EQ(read.code, 9);
    EXPECT_EQ(read.detail, "why \"so\"");
    EXPECT_TRUE(read.notes_cut);
    EXPECT_THROW(static_cast<void>(parse_answer(R"({"version":1})")), MessageError);
}

TEST(Request, WhatIsNotByTheRulesIsRefused) {
    const std::string good =
        R"({"version":1,"operation":"run","kind":"exec","program":"p","step":"setSecret","timeout_ms":1000})";
    EXPECT_EQ(refusal_of(good), "");
    const auto with = [&](const std::string& from, const std::string& to) {
        auto changed = good;
        changed.replace(changed.find(from), from.size(), to);
        return refusal_of(changed);
    };
    EXPECT_THAT(with("\"version\":1", "\"version\":2"), HasSubstr("\"version\""));
    EXPECT_THAT(with("\"run\"", "\"shell\""), HasSubstr("\"operation\""));
    EXPECT_THAT(with("\"exec\"", "\"sh\""), HasSubstr("\"kind\""));
    EXPECT_THAT(with("\"p\"", "\"../p\""), HasSubstr("\"program\""));
    EXPECT_THAT(with("\"p\"", "\"\""), HasSubstr("\"program\""));
    EXPECT_THAT(with("\"p\"", "[\"p\"]"), HasSubstr("no JSON object"));
    EXPECT_THAT(with("\"p\"", "7"), HasSubstr("\"program\""));
    EXPECT_THAT(with("\"p\"", "\"" + std::string(65, 'a') + "\""), HasSubstr("\"program\""));
    EXPECT_THAT(with("setSecret", "set Secret"), HasSubstr("\"step\""));
    EXPECT_THAT(with("1000}", "0}"), HasSubstr("\"timeout_ms\""));
    EXPECT_THAT(with("1000}", "900001}"), HasSubstr("\"timeout_ms\""));
    EXPECT_THAT(with("1000}", "1e3}"), HasSubstr("\"timeout_ms\""));
    EXPECT_THAT(with("1000}", "1000,\"command\":\"/bin/sh\"}"), HasSubstr("not known"));
    EXPECT_THAT(with(",\"step\":\"setSecret\"", ""), HasSubstr("\"step\""));
    EXPECT_THAT(refusal_of(""), HasSubstr("no JSON object"));
    EXPECT_THAT(refusal_of("[]"), HasSubstr("no JSON object"));
    EXPECT_THAT(refusal_of(good + "x"), HasSubstr("no JSON object"));
}

TEST(Message, CarriesItsThreeParts) {
    const auto [here, there] = connected();
    send_message(here.get(),
                 {"{}", crypto::SecretBytes::copy_of(std::string_view("body\0x", 6)),
                  crypto::SecretBytes::copy_of(std::string_view("n"))},
                 soon());
    const auto read = receive_message(there.get(), soon());
    EXPECT_EQ(read.head, "{}");
    EXPECT_EQ(read.body.text(), std::string_view("body\0x", 6));
    EXPECT_EQ(read.notes.text(), "n");
}

// Lengths are four bytes, big-endian: the head's, the body's, the notes'.
TEST(Message, ThatIsTooLongIsRefusedByItsLengthsAlone) {
    const auto [here, there] = connected();
    const std::string lengths("\x00\x00\x00\x02\x7f\xff\xff\xff\x00\x00\x00\x00", 12);
    ASSERT_EQ(::write(here.get(), lengths.data(), lengths.size()), 12);
    try {
        static_cast<void>(receive_message(there.get(), soon()));
        FAIL();
    } catch (const MessageError& error) {
        EXPECT_STREQ(error.what(), "the message is too long");
    }
}

TEST(Message, ThatEndsEarlyIsAnError) {
    auto [here, there] = connected();
    ASSERT_EQ(::write(here.get(), "\0\0\0\2\0\0", 6), 6);
    here.reset();
    EXPECT_THROW(static_cast<void>(receive_message(there.get(), soon())), MessageError);
    auto [silent, waiting] = connected();
    EXPECT_THROW(static_cast<void>(receive_message(waiting.get(), std::chrono::steady_clock::now())),
                 MessageError);
}

}  // namespace
}  // namespace coffer::program_runner
