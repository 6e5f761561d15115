#include "crypto/attributes.hpp"

#include <cstring>
#include <stdexcept>

#include "crypto/pkcs11_error.hpp"

namespace coffer::crypto {

CK_ATTRIBUTE& Template::next() {
    if (size_ == kAttributesMax) throw std::length_error("a PKCS#11 template has too many attributes");
    return attributes_[size_++];
}

Template& Template::boolean(CK_ATTRIBUTE_TYPE type, bool value) {
    Value& held = values_[size_ % kAttributesMax];
    held.boolean = value ? CK_TRUE : CK_FALSE;
    next() = {type, &held.boolean, sizeof held.boolean};
    return *this;
}

Template& Template::number(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
    Value& held = values_[size_ % kAttributesMax];
    held.number = value;
    next() = {type, &held.number, sizeof held.number};
    return *this;
}

Template& Template::bytes(CK_ATTRIBUTE_TYPE type, ByteView value) {
    // The interface has no const; modules do not write to templates that make or find objects.
    next() = {type, const_cast<std::uint8_t*>(value.data()), value.size()};
    return *this;
}

std::optional<Bytes> read_attribute(const Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    CK_ATTRIBUTE attribute{type, nullptr, 0};
    const auto get = [&] {
        return session.functions().C_GetAttributeValue(session.handle(), object, &attribute, 1);
    };
    const auto absent = [&](CK_RV code) {
        return code == CKR_ATTRIBUTE_SENSITIVE || code == CKR_ATTRIBUTE_TYPE_INVALID ||
               (code == CKR_OK && attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION);
    };
    CK_RV code = get();
    if (absent(code)) return std::nullopt;
    check("C_GetAttributeValue", code);
    Bytes value(attribute.ulValueLen);
    if (value.empty()) return value;
    attribute.pValue = value.data();
    code = get();
    if (absent(code)) return std::nullopt;
    check("C_GetAttributeValue", code);
    value.resize(attribute.ulValueLen);
    return value;
}

std::string read_text(const Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    const auto value = read_attribute(session, object, type);
    return value ? std::string(as_text(*value)) : std::string();
}

namespace {
template <class T>
std::optional<T> read_as(const Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    const auto value = read_attribute(session, object, type);
    if (!value || value->size() != sizeof(T)) return std::nullopt;
    T out{};
    std::memcpy(&out, value->data(), sizeof out);
    return out;
}
}  // namespace

std::optional<bool> read_boolean(const Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    const auto value = read_as<CK_BBOOL>(session, object, type);
    return value ? std::optional(*value != CK_FALSE) : std::nullopt;
}

std::optional<CK_ULONG> read_number(const Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    return read_as<CK_ULONG>(session, object, type);
}

}  // namespace coffer::crypto
