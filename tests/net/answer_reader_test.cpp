// Answers however they are cut into pieces: RFC 9112, sections 6 and 7.

#include "daemon/net/answer_reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace coffer::net {
namespace {

/// Hands `answer` over in pieces of `size` bytes. False when it is not whole at its end.
bool feed(AnswerReader& reader, std::string_view answer, std::size_t size) {
    while (!answer.empty()) {
        const auto room = reader.writable();
        const auto count = std::min({size, answer.size(), room.size()});
        std::ranges::copy(answer.substr(0, count), room.begin());
        answer.remove_prefix(count);
        if (reader.take(count)) return true;
    }
    return false;
}

struct Sample {
    std::string_view answer;
    unsigned status;
    std::string_view body;
    bool ends_itself = true;
};

const std::vector<Sample> kSamples{
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"},
    {"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n", 404, ""},
    {"HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n", 204, ""},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, ""},
    {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
     "3;a=b;c=\"d;\\\"e\"\r\nhel\r\n002\r\nlo\r\n0;last\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n",
     200, "hello"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, ""},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n", 200,
     "0123456789"},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
     "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
     201, "ok"},
    {"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end", 200, "until the end", false},
    {"HTTP/1.0 200 OK\r\n\r\n", 200, "", false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nnot chunked", 200, "not chunked", false},
};

TEST(AnswerReader, PiecesOfAnySizeMakeTheSameAnswer) {
    for (const auto& sample : kSamples) {
        for (std::size_t size = 1; size <= sample.answer.size(); ++size) {
            std::vector<std::uint8_t> room(20);
            AnswerReader reader(room);
            ASSERT_EQ(feed(reader, sample.answer, size), sample.ends_itself) << sample.answer << size;
            if (!sample.ends_itself) reader.end();
            EXPECT_EQ(reader.status(), sample.status);
            EXPECT_EQ(std::string(room.begin(), room.begin() + static_cast<long>(reader.body_bytes())),
                      sample.body);
        }
    }
}

TEST(AnswerReader, AnAnswerThatIsCutAnywhereIsNone) {
    for (const auto& sample : kSamples) {
        if (!sample.ends_itself) continue;
        for (std::size_t size = 0; size < sample.answer.size(); ++size) {
            std::vector<std::uint8_t> room(20);
            AnswerReader reader(room);
            ASSERT_FALSE(feed(reader, sample.answer.substr(0, size), 7));
            EXPECT_THROW(reader.end(), BadAnswer) << sample.answer.substr(0, size);
        }
    }
}

TEST(AnswerReader, WhetherTheConnectionGoesOn) {
    const auto goes_on = [](std::string_view answer, bool ends = false) {
        std::vector<std::uint8_t> room(20);
        AnswerReader reader(room);
        EXPECT_EQ(feed(reader, answer, answer.size()), !ends) << answer;
        if (ends) reader.end();
        return reader.may_go_on();
    };
    EXPECT_TRUE(goes_on("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"));
    EXPECT_TRUE(goes_on("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"));
    EXPECT_TRUE(goes_on("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na"));
    EXPECT_FALSE(goes_on("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na"));
    EXPECT_FALSE(goes_on("HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 1\r\n\r\na"));
    EXPECT_FALSE(goes_on("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n"));
    EXPECT_FALSE(goes_on("HTTP/1.1 200 OK\r\n\r\na", true));
}

}  // namespace
}  // namespace coffer::net
