// docs/protocol.md is a specification: what it says of the schema is compared with the schema, and the
// codec is held to its test vectors. (check_vectors.sh makes the same vectors with protoc.)

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "coffer/v1/frame.pb.h"
#include "daemon/base/bytes.hpp"
#include "limits_table.hpp"
#include "proto/frame_codec.hpp"
#include "proto/names.hpp"

namespace coffer::proto {
namespace {

using testing::HasSubstr;

std::string document() {
    std::ifstream in(COFFER_PROTOCOL_DOC);
    EXPECT_TRUE(in.is_open()) << COFFER_PROTOCOL_DOC;
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

struct Vector {
    std::string title;
    std::string text;
    Bytes frame;
};

/// The vectors of the page: a heading, a block of text format, a block of hexadecimal.
std::vector<Vector> vectors() {
    std::istringstream in(document());
    std::vector<Vector> found;
    std::string title;
    std::string text;
    std::string hex;
    std::string* block = nullptr;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("### ")) title = line.substr(4);
        if (line == "```textproto") {
            text.clear();
            block = &text;
        } else if (line == "```hex") {
            hex.clear();
            block = &hex;
        } else if (line == "```") {
            if (block == &hex) found.push_back({title, text, from_hex(hex)});
            block = nullptr;
        } else if (block != nullptr) {
            *block += block == &text ? line + "\n" : line;
        }
    }
    return found;
}

v1::Frame parsed_text(const std::string& text) {
    v1::Frame frame;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &frame)) << text;
    return frame;
}

TEST(ProtocolDocument, CodecWritesTheVectors) {
    const auto all = vectors();
    ASSERT_GE(all.size(), 10U);
    for (const auto& vector : all) {
        Bytes out;
        append_frame(parsed_text(vector.text), kDefaultMaxFrameBytes, out);
        EXPECT_EQ(to_hex(out), to_hex(vector.frame)) << vector.title;
    }
}

TEST(ProtocolDocument, CodecReadsTheVectors) {
    for (const auto& vector : vectors()) {
        const auto extent = next_frame(vector.frame, kDefaultMaxFrameBytes);
        ASSERT_TRUE(extent.has_value()) << vector.title;
        EXPECT_EQ(extent->consumed, vector.frame.size()) << vector.title;
        EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(parse_frame(extent->content),
                                                                       parsed_text(vector.text)))
            << vector.title;
    }
}

/// The reason for which `bytes` end a connection; nothing when they are a frame or too few.
std::optional<v1::ConnectionError::Reason> refusal(const Bytes& bytes) {
    try {
        if (const auto extent = next_frame(bytes, kDefaultMaxFrameBytes)) (void)parse_frame(extent->content);
        return std::nullopt;
    } catch (const FrameError& e) {
        return e.reason();
    }
}

TEST(ProtocolDocument, BadBytesEndTheConnectionAsListed) {
    const std::string page = document();
    const std::regex row(R"(\n\| `([0-9a-f]+)` \| `([A-Z_]+)`)");
    int rows = 0;
    for (auto at = std::sregex_iterator(page.begin(), page.end(), row); at != std::sregex_iterator(); ++at) {
        const auto reason = refusal(from_hex((*at)[1].str()));
        ASSERT_TRUE(reason.has_value()) << (*at)[1];
        EXPECT_EQ(v1::ConnectionError::Reason_Name(*reason), (*at)[2].str()) << (*at)[1];
        ++rows;
    }
    EXPECT_EQ(rows, 8);
}

TEST(ProtocolDocument, ListsEveryErrorCode) {
    const std::string page = document();
    const auto* codes = v1::ErrorCode_descriptor();
    for (int i = 0; i < codes->value_count(); ++i) {
        const auto& value = *codes->value(i);
        if (value.number() == v1::ERROR_CODE_UNSPECIFIED) continue;
        const std::string name(error_name(static_cast<v1::ErrorCode>(value.number())));
        EXPECT_THAT(page, HasSubstr("\n| " + std::to_string(value.number()) + " | `" + value.name() +
                                    "` | `" + name + "` |"));
    }
}

TEST(ProtocolDocument, ListsEveryReasonForTheEndOfAConnection) {
    const std::string page = document();
    const auto* reasons = v1::ConnectionError::Reason_descriptor();
    for (int i = 0; i < reasons->value_count(); ++i) {
        const auto& value = *reasons->value(i);
        if (value.number() == v1::ConnectionError::REASON_UNSPECIFIED) continue;
        EXPECT_THAT(page, HasSubstr("\n| " + std::to_string(value.number()) + " | `" + value.name() + "` |"));
    }
}

TEST(ProtocolDocument, LimitsAreThoseOfTheSchema) {
    EXPECT_EQ(document(), with_limits(document()))
        << "the schema's limits have changed: run coffer-limits-table docs/protocol.md";
}

}  // namespace
}  // namespace coffer::proto
