#pragma once
// Finding the one token that an RFC 7512 URI names.

#include <span>
#include <string>
#include <vector>

#include "crypto/module.hpp"
#include "crypto/token_uri.hpp"
#include "daemon/base/strong.hpp"

namespace coffer::crypto {

struct SlotIdTag {};
using SlotId = Strong<SlotIdTag, CK_SLOT_ID>;

/// What C_GetTokenInfo says, without the blanks that pad it.
struct TokenInfo {
    SlotId slot;
    std::string label;
    std::string serial;
    std::string model;
    std::string manufacturer;
    CK_FLAGS flags = 0;
};

/// The initialized tokens of the module, in the order of their slots.
[[nodiscard]] std::vector<TokenInfo> list_tokens(const Module& module);

/// The state of one token now. Throws Pkcs11Error.
[[nodiscard]] TokenInfo token_info(const Module& module, SlotId slot);

/// The one initialized token that `uri` matches. Throws Error that lists what is there when none does, and
/// the serials to choose from when more than one does.
[[nodiscard]] TokenInfo find_token(const Module& module, const TokenUri& uri);

/// The one initialized token that any of `uris` matches. Throws Error as the other, and when two of them are
/// there at the same time: nobody could say which of them the keys are in.
[[nodiscard]] TokenInfo find_token(const Module& module, std::span<const TokenUri> uris);

}  // namespace coffer::crypto
