// Text that PostgreSQL cannot hold (a NUL, PostgreSQL 15 manual 8.3; what is not UTF-8) is refused in every
// text field of every request, by name. The fields are found by reflection, so a new one is tested as well.

#include <gmock/gmock.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "coffer/v1/frame.pb.h"
#include "coffer/v1/options.pb.h"
#include "coffer/v1/secrets.pb.h"
#include "proto/validator.hpp"

namespace coffer::proto {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

using Visit = std::function<void(const FieldDescriptor&, const std::string& path,
                                 const std::vector<const FieldDescriptor*>& way)>;

std::string member(const FieldDescriptor& field) {
    std::string name = field.json_name();
    if (name[0] >= 'A' && name[0] <= 'Z') name[0] = static_cast<char>(name[0] - 'A' + 'a');
    return name;
}

/// Calls `visit` for each field of text or bytes below `type`. `way`: the fields that lead there.
void each_text(const Descriptor& type, const std::string& path, std::vector<const FieldDescriptor*> way,
               const Visit& visit) {
    ASSERT_LT(way.size(), 8U) << "a message that holds itself";
    for (int i = 0; i < type.field_count(); ++i) {
        const auto& field = *type.field(i);
        way.push_back(&field);
        if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) visit(field, path + member(field), way);
        if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field.is_map()) {
            each_text(*field.message_type(),
                      path + member(field) + (field.is_repeated() ? ".1.member." : "."), way, visit);
        }
        way.pop_back();
    }
}

void each_text_of_requests(
    const std::function<void(const Descriptor& request, const FieldDescriptor&, const std::string& path,
                             const std::vector<const FieldDescriptor*>& way)>& visit) {
    const auto* operations = v1::Request::descriptor()->FindOneofByName("operation");
    for (int i = 0; i < operations->field_count(); ++i) {
        const auto& request = *operations->field(i)->message_type();
        each_text(request, "", {},
                  [&](const FieldDescriptor& field, const std::string& path, const auto& way) {
                      visit(request, field, path, way);
                  });
    }
}

/// A request of which nothing but the field at the end of `way` is set.
std::unique_ptr<Message> with_text(const Descriptor& type, const std::vector<const FieldDescriptor*>& way,
                                   const std::string& text) {
    std::unique_ptr<Message> request(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(&type)->New());
    Message* at = request.get();
    for (const auto* field : way) {
        const auto& reflection = *at->GetReflection();
        if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
            if (field->is_repeated()) {
                reflection.AddString(at, field, text);
            } else {
                reflection.SetString(at, field, text);
            }
            break;
        }
        at = field->is_repeated() ? reflection.AddMessage(at, field) : reflection.MutableMessage(at, field);
    }
    return request;
}

TEST(StoredText, ANulIsRefusedInEveryTextFieldOfEveryRequest) {
    std::size_t fields = 0;
    each_text_of_requests([&](const Descriptor& type, const FieldDescriptor& field, const std::string& path,
                              const auto& way) {
        if (field.type() == FieldDescriptor::TYPE_BYTES) return;
        ++fields;
        for (const auto& text : {std::string("a\0b", 3), std::string(1, '\0'), std::string("app/db\0", 7)}) {
            EXPECT_THAT(validation_error(*with_text(type, way, text)).value_or("(none)"),
                        HasSubstr("at '" + path +
                                  "' failed to satisfy constraint: Member must not contain NUL characters"))
                << type.name();
        }
    });
    // GetSecretValue alone has three (SecretId, VersionId, VersionStage): the walk has found them.
    EXPECT_GT(fields, 23U * 2);
}

TEST(StoredText, WhatIsNotUtf8IsRefusedInEveryTextFieldOfEveryRequest) {
    each_text_of_requests(
        [&](const Descriptor& type, const FieldDescriptor& field, const std::string& path, const auto& way) {
            const bool text = field.type() == FieldDescriptor::TYPE_STRING ||
                              field.options().GetExtension(v1::limits).text();
            if (!text) return;
            // Latin-1, a surrogate, more than U+10FFFF, an overlong NUL (RFC 3629, 3).
            for (const auto* broken : {"caf\xE9", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xC0\x80"}) {
                EXPECT_THAT(
                    validation_error(*with_text(type, way, broken)).value_or("(none)"),
                    HasSubstr("at '" + path + "' failed to satisfy constraint: Member must be valid UTF-8"))
                    << type.name();
            }
        });
}

// Bytes may hold a NUL, since they are encrypted before they are stored. Who adds a field of bytes that is
// stored otherwise has to think of it here.
TEST(StoredText, OnlyValuesAreBytes) {
    std::vector<std::string> found;
    each_text_of_requests(
        [&](const Descriptor& type, const FieldDescriptor& field, const std::string&, const auto&) {
            if (field.type() == FieldDescriptor::TYPE_BYTES)
                found.push_back(type.name() + "." + field.name());
        });
    EXPECT_THAT(found, UnorderedElementsAre(
                           "CreateSecretRequest.secret_string", "CreateSecretRequest.secret_binary",
                           "PutSecretValueRequest.secret_string", "PutSecretValueRequest.secret_binary",
                           "AssumeRoleWithWebIdentityRequest.web_identity_token",  // is not stored
                           "UpdateSecretRequest.secret_string", "UpdateSecretRequest.secret_binary"));
}

}  // namespace
}  // namespace coffer::proto
