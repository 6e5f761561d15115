#include "crypto/token_uri.hpp"

#include <fmt/format.h>
#include <p11-kit/uri.h>

#include <new>

#include "daemon/base/errors.hpp"

namespace coffer::crypto {

namespace {

constexpr CK_SLOT_ID kNoSlot = static_cast<CK_SLOT_ID>(-1);

}  // namespace

void TokenUri::Deleter::operator()(p11_kit_uri* uri) const noexcept {
    p11_kit_uri_free(uri);
}

TokenUri::TokenUri(std::string text) : text_(std::move(text)), uri_(p11_kit_uri_new()) {
    if (!uri_) throw std::bad_alloc();
}

TokenUri TokenUri::parse(const std::string& text) {
    // Before the parser's own complaints, and without repeating the text: it may hold a PIN.
    if (text.find("pin-value") != std::string::npos) {
        throw Error("the token URI must not hold a PIN (pin-value): name a PIN file in the configuration");
    }
    // The parser would stop there.
    if (text.find('\0') != std::string::npos) throw Error("the token URI holds a NUL character");
    TokenUri uri(text);
    const int result = p11_kit_uri_parse(text.c_str(), P11_KIT_URI_FOR_ANY, uri.uri_.get());
    if (result != P11_KIT_URI_OK) {
        throw Error(
            fmt::format("\"{}\" is not an RFC 7512 URI of a token: {}", text, p11_kit_uri_message(result)));
    }
    if (p11_kit_uri_any_unrecognized(uri.uri_.get()) != 0) {
        throw Error(fmt::format("the token URI \"{}\" has an attribute that is not known", text));
    }
    if (p11_kit_uri_get_slot_id(uri.uri_.get()) != kNoSlot) {
        throw Error(fmt::format(
            "the token URI \"{}\" names a slot; slot numbers move, so name the token by token= or serial=",
            text));
    }
    const CK_TOKEN_INFO* wanted = p11_kit_uri_get_token_info(uri.uri_.get());
    if (wanted->label[0] == 0 && wanted->serialNumber[0] == 0) {
        throw Error(fmt::format("the token URI \"{}\" names no token: give token= or serial=", text));
    }
    return uri;
}

TokenUri TokenUri::parse_key(const std::string& text) {
    TokenUri uri = parse(text);
    if (uri.object_label().empty() && uri.object_id().empty()) {
        throw Error(fmt::format("the URI \"{}\" names no key: give object= or id=", text));
    }
    const CK_ATTRIBUTE* type = p11_kit_uri_get_attribute(uri.uri_.get(), CKA_CLASS);
    if (type != nullptr && type->ulValueLen == sizeof(CK_OBJECT_CLASS) &&
        *static_cast<const CK_OBJECT_CLASS*>(type->pValue) != CKO_PRIVATE_KEY) {
        throw Error(fmt::format(
            "the URI \"{}\" must name a private key: leave out type=, or write type=private", text));
    }
    return uri;
}

bool TokenUri::matches(const CK_TOKEN_INFO& info) const {
    return p11_kit_uri_match_token_info(uri_.get(), &info) == 1;
}

std::string TokenUri::attribute(CK_ATTRIBUTE_TYPE type) const {
    const CK_ATTRIBUTE* found = p11_kit_uri_get_attribute(uri_.get(), type);
    if (found == nullptr || found->pValue == nullptr) return {};
    return {static_cast<const char*>(found->pValue), found->ulValueLen};
}

std::string TokenUri::object_label() const {
    return attribute(CKA_LABEL);
}

std::string TokenUri::object_id() const {
    return attribute(CKA_ID);
}

std::vector<TokenUri> parse_token_uris(const std::vector<std::string>& texts) {
    if (texts.empty()) throw Error("no token URI is given");
    if (texts.size() > kTokenUrisMax) {
        throw Error(fmt::format("{} token URIs are given; the limit is {}", texts.size(), kTokenUrisMax));
    }
    std::vector<TokenUri> uris;
    uris.reserve(texts.size());
    for (const auto& text : texts) uris.push_back(TokenUri::parse(text));
    return uris;
}

}  // namespace coffer::crypto
