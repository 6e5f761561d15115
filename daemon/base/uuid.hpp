#pragma once
// RFC 4122 version 4 UUIDs from the kernel's generator, for request ids and row ids. Not for keys: those
// come from the token.

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace coffer {

class Uuid {
public:
    Uuid() = default;
    explicit Uuid(std::array<std::uint8_t, 16> bytes) : bytes_(bytes) {}

    /// A random (version 4) UUID. Throws std::system_error when getrandom(2) fails.
    [[nodiscard]] static Uuid random();
    /// Reads the 36-character form of either case; nothing for any other text.
    [[nodiscard]] static std::optional<Uuid> parse(std::string_view text) noexcept;

    /// The 36-character lower-case form.
    [[nodiscard]] std::string text() const;
    [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
    [[nodiscard]] auto operator<=>(const Uuid&) const = default;

private:
    std::array<std::uint8_t, 16> bytes_{};
};

}  // namespace coffer

template <>
struct std::hash<coffer::Uuid> {
    std::size_t operator()(const coffer::Uuid& id) const noexcept {
        std::size_t h = 0;
        for (const auto b : id.bytes()) h = h * 131 + b;
        return h;
    }
};
