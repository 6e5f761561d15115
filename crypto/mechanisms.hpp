#pragma once
// Which mechanisms Coffer needs of a token, what for, and which of them one lacks. One list for the daemon's
// start and for coffer-hsm check.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/module.hpp"
#include "crypto/slot.hpp"

namespace coffer::crypto {

/// Who cannot do without a mechanism.
enum class MechanismUser : std::uint8_t {
    daemon,       ///< every node
    audit,        ///< a node that keeps an audit journal
    making_keys,  ///< coffer-hsm init, and the rotation of the seal key and the audit key
};

struct NeededMechanism {
    CK_MECHANISM_TYPE type;
    std::string_view name;
    CK_FLAGS flags;        ///< what C_GetMechanismInfo must say that it is for
    std::string_view use;  ///< "seals"
    MechanismUser user;
};

/// All but AES Key Wrap, whose number is the token's own (key_wrap.hpp).
[[nodiscard]] std::span<const NeededMechanism> needed_mechanisms() noexcept;

/// "CKM_ECDSA (0x1041) for signing audit checkpoints", or "CKM_ECDSA (0x1041) is there, but not for signing
/// audit checkpoints"; empty when the token has it. Throws Pkcs11Error.
[[nodiscard]] std::string missing_mechanism(const Module& module, SlotId slot, const NeededMechanism& needed);

/// What the token lacks of what `users` need, worded as missing_mechanism() does. Throws Pkcs11Error.
[[nodiscard]] std::vector<std::string> missing_mechanisms(const Module& module, SlotId slot,
                                                          std::span<const MechanismUser> users);

/// What a private key signs with.
struct SigningMechanism {
    CK_MECHANISM_TYPE type;
    std::string_view name;
};

/// What to do about a missing one.
inline constexpr std::string_view kMissingMechanismAdvice =
    "use another token, or allow them in the token's policy (coffer-hsm check shows what it has)";

}  // namespace coffer::crypto
