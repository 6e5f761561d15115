#include "daemon/sts/web_key_set.hpp"

#include <fmt/format.h>

#include "daemon/sts/strict_json.hpp"

namespace coffer::sts {

namespace {
constexpr std::size_t kKeySetDepthMax = 8;
}  // namespace

WebKeySet WebKeySet::read(std::string_view text) {
    if (text.size() > kBytesMax) {
        throw BadJson(fmt::format("it has {} bytes; a JWK Set may have {}", text.size(), kBytesMax));
    }
    const auto document = read_strict_object(text, kKeySetDepthMax);
    const auto* keys = find_member(document, "keys");
    if (keys == nullptr || keys->kind != access::JsonKind::array) {
        throw BadJson("it is no JWK Set: it has no list 'keys'");
    }
    if (keys->items.size() > kKeysMax) {
        throw BadJson(fmt::format("it has {} keys; a JWK Set may have {}", keys->items.size(), kKeysMax));
    }
    WebKeySet set;
    for (const auto& item : keys->items) {
        if (auto key = WebKey::read(item)) {
            set.keys_.push_back(std::move(*key));
        } else {
            ++set.ignored_;
        }
    }
    if (set.keys_.empty()) {
        throw BadJson(
            "it has no key that signatures can be verified with (RSA of 2048 to 8192 bits, EC on P-256, "
            "P-384 or P-521, "
            "Ed25519)");
    }
    return set;
}

const WebKey* WebKeySet::find(std::string_view key_id, JwsAlgorithm algorithm) const noexcept {
    const WebKey* found = nullptr;
    for (const auto& key : keys_) {
        if (!key.suits(algorithm) || (!key_id.empty() && key.id() != key_id)) continue;
        if (found != nullptr) return nullptr;
        found = &key;
    }
    return found;
}

}  // namespace coffer::sts
