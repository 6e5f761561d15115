#pragma once
// The keys that an identity provider signs with at one time: a JWK Set (RFC 7517, section 5).

#include <memory>
#include <string_view>
#include <vector>

#include "daemon/sts/web_key.hpp"

namespace coffer::sts {

/// Immutable; thread-safe.
class WebKeySet {
public:
    /// Bytes of the document, and keys in it, those that are ignored included.
    static constexpr std::size_t kBytesMax = 256U * 1024;
    static constexpr std::size_t kKeysMax = 100;

    /// Throws BadJson for what is no JWK Set or is beyond the limits, for a key that shows its private part,
    /// and where no key is left of those that are to be ignored.
    [[nodiscard]] static WebKeySet read(std::string_view text);

    /// The key that a token names: that of the id which suits the algorithm. Without an id, the only one that
    /// suits. Null where there is none, or several.
    [[nodiscard]] const WebKey* find(std::string_view key_id, JwsAlgorithm algorithm) const noexcept;

    /// Those that verify signatures.
    [[nodiscard]] std::size_t size() const noexcept { return keys_.size(); }
    /// Those that were ignored.
    [[nodiscard]] std::size_t ignored() const noexcept { return ignored_; }

private:
    std::vector<WebKey> keys_;
    std::size_t ignored_ = 0;
};

using WebKeySetPtr = std::shared_ptr<const WebKeySet>;

}  // namespace coffer::sts
