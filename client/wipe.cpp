#include "client/wipe.hpp"

#include <google/protobuf/descriptor.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <string>
#include <vector>

#include "coffer/v1/options.pb.h"

namespace coffer::client {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool is_sensitive(const FieldDescriptor& field) {
    return field.cpp_type() == FieldDescriptor::CPPTYPE_STRING &&
           field.options().GetExtension(v1::limits).sensitive();
}

// Protobuf hands strings out as const; the object behind the reference is the message's own, and not const.
void overwrite(const std::string& text) {
    OPENSSL_cleanse(const_cast<char*>(text.data()), text.size());
}

bool holds_secrets_within(const Descriptor& type, std::vector<const Descriptor*>& seen) {
    if (std::find(seen.begin(), seen.end(), &type) != seen.end()) return false;
    seen.push_back(&type);
    for (int i = 0; i < type.field_count(); ++i) {
        const auto& field = *type.field(i);
        if (is_sensitive(field)) return true;
        if (field.message_type() != nullptr && holds_secrets_within(*field.message_type(), seen)) return true;
    }
    return false;
}

void wipe_field(Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    std::string scratch;
    if (field.message_type() != nullptr) {
        if (!holds_secrets(*field.message_type())) return;
        if (field.is_repeated()) {
            for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
                wipe(*reflection.MutableRepeatedMessage(&message, &field, i));
            }
        } else if (reflection.HasField(message, &field)) {
            wipe(*reflection.MutableMessage(&message, &field));
        }
        return;
    }
    if (!is_sensitive(field)) return;
    if (field.is_repeated()) {
        for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
            overwrite(reflection.GetRepeatedStringReference(message, &field, i, &scratch));
        }
    } else if (reflection.HasField(message, &field)) {
        overwrite(reflection.GetStringReference(message, &field, &scratch));
    }
    reflection.ClearField(&message, &field);
}

}  // namespace

bool holds_secrets(const Descriptor& type) {
    std::vector<const Descriptor*> seen;
    return holds_secrets_within(type, seen);
}

void wipe(Message& message) {
    const Descriptor& type = *message.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) wipe_field(message, *type.field(i));
}

}  // namespace coffer::client
