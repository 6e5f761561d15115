#pragma once
// JSON with secret values in it, written in memory that is wiped.

#include <cstddef>
#include <string_view>

#include "crypto/secret_bytes.hpp"

namespace coffer::rotation {

/// Writes one JSON value, in the order of the calls. The caller keeps the grammar: members within objects.
class SecretJson {
public:
    SecretJson& begin_object();
    SecretJson& begin_object(std::string_view name);
    SecretJson& end_object();
    SecretJson& member(std::string_view name, std::string_view text);
    SecretJson& member(std::string_view name, std::int64_t number);
    /// A text where the bytes are UTF-8; otherwise base 64 (RFC 4648, section 4), under the name with
    /// "Binary" behind it.
    SecretJson& value(std::string_view name, const crypto::SecretBytes& bytes);
    /// JSON that is written already; and a text.
    SecretJson& as_written(std::string_view json);
    SecretJson& text(std::string_view text);
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] crypto::SecretBytes take();

private:
    void put(std::string_view text);
    void put_quoted(std::string_view text);
    void put_name(std::string_view name);

    crypto::SecretBytes buffer_{4'096};
    std::size_t size_ = 0;
    bool first_ = true;
};

}  // namespace coffer::rotation
