#pragma once
// How Coffer's keys are labelled in the token, and how a label is read back: the one home of both.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/key_types.hpp"
#include "daemon/base/bytes.hpp"

namespace coffer::crypto {

inline constexpr std::string_view kMasterKeyPrefix = "coffer/master/";
inline constexpr std::string_view kSealKeyPrefix = "coffer/seal/";
inline constexpr std::string_view kAuditKeyPrefix = "coffer/audit/";
inline constexpr std::string_view kAuthorityKeyPrefix = "coffer/ca/";

/// Whether `name` can name a certificate authority: 1 to 64 of A-Z a-z 0-9 _ -.
[[nodiscard]] bool is_authority_name(std::string_view name) noexcept;

/// "coffer/ca/NAME": of both halves of an authority's key, and their CKA_ID.
[[nodiscard]] std::string authority_key_label(std::string_view name);

/// CKA_ID of a master key: the 16 bytes of its id, then its generation, 4 bytes big-endian.
inline constexpr std::size_t kMasterKeyCkaIdBytes = 20;
using MasterKeyCkaId = std::array<std::uint8_t, kMasterKeyCkaIdBytes>;

struct MasterKeyLabel {
    std::string name;
    std::uint32_t generation = 0;
};

/// Whether `name` can name a master key: 1 to 200 of A-Z a-z 0-9 / _ - (KMS's alphabet for aliases), not
/// beginning or ending with '/'.
[[nodiscard]] bool is_master_key_name(std::string_view name) noexcept;

/// "coffer/master/NAME/GENERATION".
[[nodiscard]] std::string master_key_label(std::string_view name, std::uint32_t generation);
/// Nothing for a text that master_key_label() does not make.
[[nodiscard]] std::optional<MasterKeyLabel> parse_master_key_label(std::string_view label);

/// "coffer/seal/GENERATION": label and CKA_ID.
[[nodiscard]] std::string seal_key_label(std::uint32_t generation);
/// Nothing for a text that seal_key_label() does not make.
[[nodiscard]] std::optional<std::uint32_t> parse_seal_key_label(std::string_view label);
/// "coffer/audit/GENERATION": label and CKA_ID of both halves of the pair.
[[nodiscard]] std::string audit_key_label(std::uint32_t generation);
/// Nothing for a text that audit_key_label() does not make.
[[nodiscard]] std::optional<std::uint32_t> parse_audit_key_label(std::string_view label);

[[nodiscard]] MasterKeyCkaId master_key_cka_id(const MasterKeyRef& ref);
/// Nothing for bytes of another length and for generation 0.
[[nodiscard]] std::optional<MasterKeyRef> parse_master_key_cka_id(ByteView bytes);

}  // namespace coffer::crypto
