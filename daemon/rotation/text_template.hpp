#pragma once
// Texts of the configuration with places for fields of secrets: "/v1/keys/${key_id}".

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/secret_bytes.hpp"

namespace coffer::rotation {

/// What a field's value has to be made safe for, by where it is put.
enum class Escape : std::uint8_t {
    path,    ///< a segment of a path or a value in a query: percent-encoded (RFC 3986, section 2.1)
    json,    ///< within a JSON string (RFC 8259, section 7)
    form,    ///< application/x-www-form-urlencoded
    header,  ///< a header's value (RFC 9110, section 5.5): as it is, refused where it has control characters
};

/// Immutable; thread-safe.
class TextTemplate {
public:
    TextTemplate() = default;
    /// "${name}" is a place, "$$" a dollar sign. Throws Error that says what is wrong.
    [[nodiscard]] static TextTemplate parse(std::string_view text);

    /// The value of a place; throws when there is none.
    using Lookup = std::function<std::string_view(std::string_view name)>;
    /// Throws StepFailed (hopeless) for a value that cannot be there, and what `lookup` throws.
    [[nodiscard]] crypto::SecretBytes fill(const Lookup& lookup, Escape escape) const;
    /// The names of its places.
    [[nodiscard]] std::vector<std::string> names() const;

private:
    struct Part {
        std::string text;  ///< or the name of a place
        bool is_place = false;
    };
    std::vector<Part> parts_;
};

/// Appends `value`, made safe for `escape`, to `out`. Throws StepFailed (hopeless).
void append_escaped(std::string_view value, Escape escape, std::vector<crypto::SecretBytes>& out);

/// All of `parts`, one behind the other.
[[nodiscard]] crypto::SecretBytes joined(const std::vector<crypto::SecretBytes>& parts);

}  // namespace coffer::rotation
