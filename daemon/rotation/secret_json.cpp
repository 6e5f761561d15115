#include "daemon/rotation/secret_json.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <string>
#include <utility>

#include "proto/utf8.hpp"

namespace coffer::rotation {

using crypto::SecretBytes;

void SecretJson::put(std::string_view text) {
    if (text.size() > buffer_.size() - size_) {
        SecretBytes larger(std::max(buffer_.size() * 2, size_ + text.size()));
        std::ranges::copy(buffer_.view().first(size_), larger.writable().begin());
        buffer_ = std::move(larger);
    }
    std::ranges::copy(text, buffer_.writable().begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += text.size();
}

/// RFC 8259, section 7.
void SecretJson::put_quoted(std::string_view text) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    static constexpr std::string_view kControls = "\b\f\n\r\t";
    static constexpr std::string_view kLetters = "bfnrt";
    put("\"");
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            put("\\");
            put({&c, 1});
        } else if (const auto found = kControls.find(c); found != std::string_view::npos) {
            put("\\");
            put(kLetters.substr(found, 1));
        } else if (byte < 0x20) {
            const std::string escaped{'\\', 'u', '0', '0', kDigits[byte >> 4U], kDigits[byte & 15U]};
            put(escaped);
        } else {
            put({&c, 1});
        }
    }
    put("\"");
}

void SecretJson::put_name(std::string_view name) {
    if (!std::exchange(first_, false)) put(",");
    put_quoted(name);
    put(":");
}

SecretJson& SecretJson::begin_object() {
    put("{");
    first_ = true;
    return *this;
}

SecretJson& SecretJson::begin_object(std::string_view name) {
    put_name(name);
    return begin_object();
}

SecretJson& SecretJson::end_object() {
    put("}");
    first_ = false;
    return *this;
}

SecretJson& SecretJson::member(std::string_view name, std::string_view text) {
    put_name(name);
    put_quoted(text);
    return *this;
}

SecretJson& SecretJson::member(std::string_view name, std::int64_t number) {
    put_name(name);
    put(std::to_string(number));
    return *this;
}

SecretJson& SecretJson::value(std::string_view name, const SecretBytes& bytes) {
    if (proto::utf8_length(bytes.text())) return member(name, bytes.text());
    SecretBytes encoded((bytes.size() + 2) / 3 * 4 + 1);
    const int size =
        EVP_EncodeBlock(encoded.writable().data(), bytes.view().data(), static_cast<int>(bytes.size()));
    encoded.truncate(static_cast<std::size_t>(size));
    return member(std::string(name) + "Binary", encoded.text());
}

SecretJson& SecretJson::as_written(std::string_view json) {
    put(json);
    return *this;
}

SecretJson& SecretJson::text(std::string_view text) {
    put_quoted(text);
    return *this;
}

SecretBytes SecretJson::take() {
    buffer_.truncate(size_);
    return std::move(buffer_);
}

}  // namespace coffer::rotation
