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

/// Only the one spelling: "01" would be a second label for generation 1.
std::optional<std::uint32_t> parse_generation(std::string_view digits) noexcept {
    std::uint32_t generation = 0;
    const auto* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, generation);
    if (error != std::errc{} || stop != end || generation == 0 || digits.front() == '0') return std::nullopt;
    return generation;
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
    const auto generation = parse_generation(rest.substr(slash + 1));
    MasterKeyLabel parsed{.name = std::string(rest.substr(0, slash)), .generation = generation.value_or(0)};
    if (!generation || !is_master_key_name(parsed.name)) return std::nullopt;
    return parsed;
}

std::string seal_key_label(std::uint32_t generation) {
    return fmt::format("{}{}", kSealKeyPrefix, generation);
}

std::optional<std::uint32_t> parse_seal_key_label(std::string_view label) {
    if (!label.starts_with(kSealKeyPrefix)) return std::nullopt;
    return parse_generation(label.substr(kSealKeyPrefix.size()));
}

std::string audit_key_label(std::uint32_t generation) {
    return fmt::format("{}{}", kAuditKeyPrefix, generation);
}

std::optional<std::uint32_t> parse_audit_key_label(std::string_view label) {
    if (!label.starts_with(kAuditKeyPrefix)) return std::nullopt;
    return parse_generation(label.substr(kAuditKeyPrefix.size()));
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
