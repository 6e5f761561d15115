#pragma once
// Templates of PKCS#11 objects, and reading attributes back.

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/session.hpp"
#include "daemon/base/bytes.hpp"

namespace coffer::crypto {

/// The attributes that an object is made with or looked for by. Allocates nothing; bytes and text are not
/// copied and must outlive the template. Not copyable: attributes point into the object.
class Template {
public:
    static constexpr std::size_t kAttributesMax = 20;

    Template() = default;
    Template(const Template&) = delete;
    Template& operator=(const Template&) = delete;

    Template& boolean(CK_ATTRIBUTE_TYPE type, bool value);
    Template& number(CK_ATTRIBUTE_TYPE type, CK_ULONG value);
    Template& bytes(CK_ATTRIBUTE_TYPE type, ByteView value);
    Template& text(CK_ATTRIBUTE_TYPE type, std::string_view value) { return bytes(type, as_bytes(value)); }

    [[nodiscard]] CK_ATTRIBUTE* data() noexcept { return attributes_.data(); }
    [[nodiscard]] CK_ULONG size() const noexcept { return size_; }

private:
    CK_ATTRIBUTE& next();

    union Value {
        CK_BBOOL boolean;
        CK_ULONG number;
    };
    std::array<CK_ATTRIBUTE, kAttributesMax> attributes_{};
    std::array<Value, kAttributesMax> values_{};
    std::size_t size_ = 0;
};

/// The attribute's value; nothing when the object does not have it or will not tell it. Throws Pkcs11Error
/// for other failures.
[[nodiscard]] std::optional<Bytes> read_attribute(const Session& session, CK_OBJECT_HANDLE object,
                                                  CK_ATTRIBUTE_TYPE type);
[[nodiscard]] std::string read_text(const Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
[[nodiscard]] std::optional<bool> read_boolean(const Session& session, CK_OBJECT_HANDLE object,
                                               CK_ATTRIBUTE_TYPE type);
[[nodiscard]] std::optional<CK_ULONG> read_number(const Session& session, CK_OBJECT_HANDLE object,
                                                  CK_ATTRIBUTE_TYPE type);

}  // namespace coffer::crypto
