// RESP2 of Redis. The expectations are its specification's.

#include <gmock/gmock.h>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/redis_protocol.hpp"

namespace coffer::rotation {
namespace {

using Kind = RedisReply::Kind;

RedisReply reply_of(std::string_view bytes) {
    const auto read = read_redis_reply(bytes);
    EXPECT_TRUE(read);
    EXPECT_EQ(read->size, bytes.size());
    return read->reply;
}

TEST(RedisProtocol, CommandsAreListsOfTexts) {
    EXPECT_EQ(redis_command({"AUTH", "a b", "p\r\n"}).text(),
              "*3\r\n$4\r\nAUTH\r\n$3\r\na b\r\n$3\r\np\r\n\r\n");
    EXPECT_EQ(redis_command({""}).text(), "*1\r\n$0\r\n\r\n");
}

TEST(RedisProtocol, EveryKindOfReplyIsRead) {
    EXPECT_TRUE(reply_of("+OK\r\n").is_ok());
    EXPECT_TRUE(reply_of("-WRONGPASS invalid\r\n").is_error("WRONGPASS"));
    EXPECT_FALSE(reply_of("-WRONGPASSWORD\r\n").is_error("WRONGPASS"));
    EXPECT_EQ(reply_of(":-12\r\n").text, "-12");
    EXPECT_EQ(reply_of("$5\r\na\r\nbc\r\n").text, "a\r\nbc");
    EXPECT_EQ(reply_of("$0\r\n\r\n").kind, Kind::text);
    EXPECT_EQ(reply_of("$-1\r\n").kind, Kind::nothing);
    EXPECT_EQ(reply_of("*-1\r\n").kind, Kind::nothing);
    const auto list = reply_of("*3\r\n$5\r\nflags\r\n*2\r\n+on\r\n+nopass\r\n:1\r\n");
    ASSERT_EQ(list.list.size(), 3U);
    EXPECT_EQ(list.list[1].list[1].text, "nopass");
}

TEST(RedisProtocol, NothingIsReadBeforeAllOfItIsThere) {
    const std::string whole = "*2\r\n$3\r\nabc\r\n*1\r\n+x\r\n";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(read_redis_reply(std::string_view(whole).substr(0, size))) << size;
    }
    EXPECT_EQ(read_redis_reply(whole + "+more\r\n")->size, whole.size());
}

TEST(RedisProtocol, WhatIsNoReplyOrTooLongIsRefused) {
    std::string deep;
    for (int i = 0; i < 20; ++i) deep += "*1\r\n";
    for (const std::string& bytes :
         {std::string("HTTP/1.1 400 Bad Request\r\n"), std::string("\r\n"), std::string(":x\r\n"),
          std::string("$-2\r\n"), std::string("$3\r\nabcde\r\n"), std::string("$999999999\r\n"),
          std::string("*999999999\r\n"), std::string("*18446744073709551616\r\n"), deep + "+x\r\n",
          "+" + std::string(kRedisReplyBytesMax, 'x')}) {
        EXPECT_THROW(static_cast<void>(read_redis_reply(bytes)), StepFailed) << bytes.substr(0, 40);
    }
}

TEST(RedisProtocol, OnlyTheCodeOfAnErrorIsShown) {
    EXPECT_EQ(redis_error_code(reply_of("-NOPERM this user\r\n")), "NOPERM");
    EXPECT_EQ(redis_error_code(reply_of("-s3cret\r\n")), "an error without a code");
    EXPECT_EQ(redis_error_code(reply_of("-\r\n")), "an error without a code");
}

}  // namespace
}  // namespace coffer::rotation
