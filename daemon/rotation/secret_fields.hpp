#pragma once
// A secret that is a JSON object, as rotation functions want it ({"username": ..., "password": ...}): read
// and changed without leaving locked memory.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/secret_bytes.hpp"

namespace coffer::rotation {

/// Move-only. Used by one thread at a time.
class SecretFields {
public:
    /// Throws StepFailed (hopeless) when `value` is no JSON object of at most 65,536 bytes.
    [[nodiscard]] static SecretFields parse(const crypto::SecretBytes& value);

    // All of these throw StepFailed (hopeless) that names the field when it comes twice, however its name is
    // escaped. What nobody asks for may.

    /// A text, or a whole number as it is written; nothing when there is none of that name. Refers to this
    /// object, until that field is set. Throws StepFailed when it is there and is anything else.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
    /// The same at a JSON pointer (RFC 6901), such as "/keys/0/id".
    [[nodiscard]] std::optional<std::string_view> find_at(std::string_view pointer) const;
    /// A list of texts, or one; empty when there is none of that name. Throws StepFailed when it is anything
    /// else.
    [[nodiscard]] std::vector<std::string> texts(std::string_view name) const;
    /// The text of that name; throws StepFailed that names the field when it is not there or empty.
    [[nodiscard]] std::string_view require(std::string_view name) const;
    /// A port: 1 to 65,535, as a number or a text. `otherwise` when absent.
    [[nodiscard]] std::uint16_t port(std::uint16_t otherwise) const;

    /// Sets a text field: in its place where it is there, else behind the others.
    void set(std::string_view name, std::string_view value);
    /// The object as JSON: but for what was set, the bytes that it was made of. A number stays as it was
    /// written, which is more than many programs make of it, and so does what nobody here understands.
    [[nodiscard]] crypto::SecretBytes text() const;

    /// Calls `visit` with each text and each whole number of four digits or more in a value that is JSON, at
    /// any depth, and with the name of the member that it is under ("" for what is under none). Nothing for a
    /// value that is no JSON.
    using Visit = std::function<void(std::string_view name, std::string_view text)>;
    static void visit_texts(const crypto::SecretBytes& value, const Visit& visit);

    SecretFields(SecretFields&&) noexcept;
    SecretFields& operator=(SecretFields&&) noexcept;
    ~SecretFields();

private:
    /// What the values live in; at an address of its own, since they refer to it.
    struct Store;
    explicit SecretFields(std::unique_ptr<Store> store);

    std::unique_ptr<Store> store_;
};

}  // namespace coffer::rotation
