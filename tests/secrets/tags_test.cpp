#include "daemon/secrets/tags.hpp"

#include <gmock/gmock.h>

#include "daemon/secrets/errors.hpp"

namespace coffer::secrets {
namespace {

using storage::Tag;
using testing::ElementsAre;

google::protobuf::RepeatedPtrField<v1::Tag> given(const std::vector<Tag>& tags) {
    google::protobuf::RepeatedPtrField<v1::Tag> result;
    for (const auto& tag : tags) {
        auto& added = *result.Add();
        added.set_key(tag.key);
        added.set_value(tag.value);
    }
    return result;
}

v1::ErrorCode refusal(const google::protobuf::RepeatedPtrField<v1::Tag>& tags) {
    try {
        static_cast<void>(with_tags({}, tags));
    } catch (const ServiceError& e) {
        return e.code();
    }
    return v1::ERROR_CODE_UNSPECIFIED;
}

TEST(Tags, AreOverwrittenInPlaceAndAddedAtTheEnd) {
    EXPECT_THAT(with_tags({{"a", "1"}, {"b", "2"}}, given({{"c", "3"}, {"a", "9"}})),
                ElementsAre(Tag{"a", "9"}, Tag{"b", "2"}, Tag{"c", "3"}));
}

TEST(Tags, UnknownKeysAreIgnoredWhenRemoved) {
    google::protobuf::RepeatedPtrField<std::string> keys;
    *keys.Add() = "b";
    *keys.Add() = "nobody";
    EXPECT_THAT(without_tags({{"a", "1"}, {"b", "2"}}, keys), ElementsAre(Tag{"a", "1"}));
}

TEST(Tags, RefuseReservedKeysAndTooMany) {
    EXPECT_EQ(refusal(given({{"aws:team", "x"}})), v1::INVALID_PARAMETER);
    EXPECT_EQ(refusal(given({{"AWS:team", "x"}})), v1::INVALID_PARAMETER);
    EXPECT_EQ(refusal(given({{"awsteam", "x"}})), v1::ERROR_CODE_UNSPECIFIED);
    std::vector<Tag> many;
    for (int i = 0; i < 51; ++i) many.push_back({"k" + std::to_string(i), ""});
    EXPECT_EQ(refusal(given(many)), v1::LIMIT_EXCEEDED);
    EXPECT_THROW(refuse_many_tags(given(many)), ServiceError);
    many.pop_back();
    EXPECT_EQ(refusal(given(many)), v1::ERROR_CODE_UNSPECIFIED);
    many.insert(many.end(), 50'000, Tag{"k0", "again"});
    EXPECT_NO_THROW(refuse_many_tags(given(many))) << "one key";
}

}  // namespace
}  // namespace coffer::secrets
