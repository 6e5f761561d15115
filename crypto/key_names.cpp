#include "crypto/key_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace coffer::crypto {

namespace {
constexpr std::size_t kNameBytesMax = 200;
constexpr std::size_t kAuthorityNameMost = 64;

bool is_name_character(char c) noexcept {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '_' || c == '-';
}
}  // namespace

bool is_master_key_name(std::string_view name) noexcept {
    return !name.empty() && name.size() <= kNameBytesMax && name.front() != '/' && name.back() != '/' &&
           std::ranges::all_of(name, is_name_character);
}

bool is_authority_name(std::string_view name) noexcept {
    return !name.empty() && name.size() <= kAuthorityNameMost && name.find('/') == std::string_view::npos &&
           std::ranges::all_of(name, is_name_character);
}

std::string authority_key_label(std::string_view name) {
    return std::string(kAuthorityKeyPrefix) + std::string(name);
}

std::string master_key_label(std::string_view name, std::uint32_t generation) {
    return fmt::format("{}{}/{}", kMasterKeyPrefix, name, generation);
}

std::optional<MasterKeyLabel> parse_master_key_label(std::string_view label) {
    if (!label.starts_with(kMasterKeyPrefix)) return std::nullopt;
    const auto rest = label.substr(kMasterKeyPrefix.size());
    const auto slash = rest.rfind('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto digits = rest.substr(slash + 1);
    MasterKeyLabel parsed{.name = std::string(rest.substr(0, slash))};
    const auto* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, parsed.generation);
    if (error != std::errc{} || stop != end) return std::nullopt;
    // Only the one spelling: "01" would be a second label for generation 1.
    if (!is_master_key_name(parsed.name) || parsed.generation == 0 || digits.front() == '0')
        return std::nullopt;
    return parsed;
}

MasterKeyCkaId master_key_cka_id(const MasterKeyRef& ref) {
    MasterKeyCkaId out{};
    std::ranges::copy(ref.id.value().bytes(), out.begin());
    for (std::size_t i = 0; i < 4; ++i) {
        out[16 + i] = static_cast<std::uint8_t>(ref.generation >> (24 - 8 * i));
    }
    return out;
}

std::optional<MasterKeyRef> parse_master_key_cka_id(ByteView bytes) {
    if (bytes.size() != kMasterKeyCkaIdBytes) return std::nullopt;
    std::array<std::uint8_t, 16> id{};
    std::ranges::copy(bytes.first(16), id.begin());
    std::uint32_t generation = 0;
    for (const auto b : bytes.subspan(16)) generation = (generation << 8U) | b;
    if (generation == 0) return std::nullopt;
    return MasterKeyRef{.id = MasterKeyId(Uuid(id)), .generation = generation};
}

}  // namespace coffer::crypto
