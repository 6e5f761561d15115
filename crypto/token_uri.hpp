#pragma once
// RFC 7512 URIs of tokens and of keys in them. Knows no module: the configuration is checked with it.

#include <memory>
#include <string>
#include <vector>

#include "crypto/pkcs11.hpp"

struct p11_kit_uri;

namespace coffer::crypto {

/// A parsed RFC 7512 URI, e.g. "pkcs11:token=coffer;serial=0123". Immutable.
class TokenUri {
public:
    /// Throws Error for text that is no such URI, and for one that names a slot (they move between restarts),
    /// carries a PIN, or names a token by neither `token` nor `serial`.
    [[nodiscard]] static TokenUri parse(const std::string& text);
    /// One that names a private key as well, by `object` or `id`. Throws the same, and Error for one that
    /// names none, or an object of another type.
    [[nodiscard]] static TokenUri parse_key(const std::string& text);

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

/// Most URIs that a token may be named by.
inline constexpr std::size_t kTokenUrisMax = 16;

/// A token and those that may stand in for it, such as a device and its spare with the same keys, by a URI
/// each (RFC 7512 has no way to say "one of these serials"). Throws Error for one that TokenUri refuses, for
/// none, and for more than kTokenUrisMax.
[[nodiscard]] std::vector<TokenUri> parse_token_uris(const std::vector<std::string>& texts);

}  // namespace coffer::crypto
