#pragma once
// Finding the one token that an RFC 7512 URI names.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "crypto/module.hpp"
#include "daemon/base/strong.hpp"

struct p11_kit_uri;

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

/// A parsed RFC 7512 URI, e.g. "pkcs11:token=coffer;serial=0123". Immutable.
class TokenUri {
public:
    /// Throws Error for text that is no such URI, and for one that names a slot (they move between restarts),
    /// carries a PIN, or names a token by neither `token` nor `serial`.
    [[nodiscard]] static TokenUri parse(const std::string& text);

    [[nodiscard]] bool matches(const CK_TOKEN_INFO& info) const;
    /// The `object` attribute (CKA_LABEL); empty when the URI has none.
    [[nodiscard]] std::string object_label() const;
    /// The `id` attribute (CKA_ID); empty when the URI has none.
    [[nodiscard]] std::string object_id() const;
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    struct Deleter {
        void operator()(p11_kit_uri* uri) const noexcept;
    };
    explicit TokenUri(std::string text);
    [[nodiscard]] std::string attribute(CK_ATTRIBUTE_TYPE type) const;

    std::string text_;
    std::unique_ptr<p11_kit_uri, Deleter> uri_;
};

/// The initialized tokens of the module, in the order of their slots.
[[nodiscard]] std::vector<TokenInfo> list_tokens(const Module& module);

/// The state of one token now. Throws Pkcs11Error.
[[nodiscard]] TokenInfo token_info(const Module& module, SlotId slot);

/// The one initialized token that `uri` matches. Throws Error that lists what is there when none does, and
/// the serials to choose from when more than one does.
[[nodiscard]] TokenInfo find_token(const Module& module, const TokenUri& uri);

/// Most URIs that a token may be named by.
inline constexpr std::size_t kTokenUrisMax = 16;

/// A token and those that may stand in for it, such as a device and its spare with the same keys, by a URI
/// each (RFC 7512 has no way to say "one of these serials"). Throws Error for one that TokenUri refuses, for
/// none, and for more than kTokenUrisMax.
[[nodiscard]] std::vector<TokenUri> parse_token_uris(const std::vector<std::string>& texts);

/// The one initialized token that any of `uris` matches. Throws Error as the other, and when two of them are
/// there at the same time: nobody could say which of them the keys are in.
[[nodiscard]] TokenInfo find_token(const Module& module, std::span<const TokenUri> uris);

}  // namespace coffer::crypto
