#include "crypto/slot.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <p11-kit/uri.h>

#include <algorithm>

#include "crypto/pkcs11_error.hpp"

namespace coffer::crypto {

namespace {

constexpr CK_SLOT_ID kNoSlot = static_cast<CK_SLOT_ID>(-1);

/// A field of CK_TOKEN_INFO: padded with blanks, not NUL-terminated (PKCS#11 2.40, 3.2).
std::string unpadded(std::span<const unsigned char> field) {
    std::string text(field.begin(), field.end());
    const auto end = text.find_last_not_of(std::string_view(" \0", 2));
    text.resize(end == std::string::npos ? 0 : end + 1);
    return text;
}

CK_TOKEN_INFO raw_info(const Module& module, CK_SLOT_ID slot) {
    CK_TOKEN_INFO info{};
    check("C_GetTokenInfo", module.functions().C_GetTokenInfo(slot, &info));
    return info;
}

TokenInfo readable(CK_SLOT_ID slot, const CK_TOKEN_INFO& info) {
    return {.slot = SlotId(slot),
            .label = unpadded(info.label),
            .serial = unpadded(info.serialNumber),
            .model = unpadded(info.model),
            .manufacturer = unpadded(info.manufacturerID),
            .flags = info.flags};
}

std::vector<CK_SLOT_ID> slots_with_tokens(const Module& module) {
    while (true) {
        CK_ULONG count = 0;
        check("C_GetSlotList", module.functions().C_GetSlotList(CK_TRUE, nullptr, &count));
        std::vector<CK_SLOT_ID> slots(count);
        if (count == 0) return slots;
        const CK_RV code = module.functions().C_GetSlotList(CK_TRUE, slots.data(), &count);
        if (code == CKR_BUFFER_TOO_SMALL) continue;  // a token came in between the two calls
        check("C_GetSlotList", code);
        slots.resize(count);
        return slots;
    }
}

/// Calls `visit(slot, info)` for every initialized token. A token that leaves meanwhile is left out.
template <class Visit>
void for_each_token(const Module& module, Visit visit) {
    for (const CK_SLOT_ID slot : slots_with_tokens(module)) {
        CK_TOKEN_INFO info{};
        if (module.functions().C_GetTokenInfo(slot, &info) != CKR_OK) continue;
        if ((info.flags & CKF_TOKEN_INITIALIZED) != 0) visit(slot, info);
    }
}

std::string describe(const std::vector<TokenInfo>& tokens) {
    std::vector<std::string> lines;
    lines.reserve(tokens.size());
    for (const auto& token : tokens) {
        lines.push_back(fmt::format("token \"{}\" with serial \"{}\"", token.label, token.serial));
    }
    return fmt::format("{}", fmt::join(lines, ", "));
}

std::string describe(std::span<const TokenUri> uris) {
    std::string text;
    for (const auto& uri : uris) text += fmt::format("{}\"{}\"", text.empty() ? "" : " or ", uri.text());
    return text;
}

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

std::vector<TokenInfo> list_tokens(const Module& module) {
    std::vector<TokenInfo> tokens;
    for_each_token(
        module, [&](CK_SLOT_ID slot, const CK_TOKEN_INFO& info) { tokens.push_back(readable(slot, info)); });
    return tokens;
}

TokenInfo token_info(const Module& module, SlotId slot) {
    return readable(slot.value(), raw_info(module, slot.value()));
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

TokenInfo find_token(const Module& module, const TokenUri& uri) {
    return find_token(module, std::span(&uri, 1));
}

TokenInfo find_token(const Module& module, std::span<const TokenUri> uris) {
    std::vector<TokenInfo> all;
    std::vector<TokenInfo> matching;
    for_each_token(module, [&](CK_SLOT_ID slot, const CK_TOKEN_INFO& info) {
        all.push_back(readable(slot, info));
        if (std::ranges::any_of(uris, [&](const TokenUri& uri) { return uri.matches(info); }))
            matching.push_back(all.back());
    });
    if (matching.size() == 1) return matching.front();
    if (matching.empty()) {
        throw Error(fmt::format("no token of {} matches {}; there {}: {}", module.path().string(),
                                describe(uris), all.size() == 1 ? "is" : "are",
                                all.empty() ? "none" : describe(all)));
    }
    if (uris.size() == 1) {
        throw Error(fmt::format("{} names {} tokens; add serial= to choose one of: {}", describe(uris),
                                matching.size(), describe(matching)));
    }
    throw Error(fmt::format("{} tokens match {}, and only one of them may be there at a time: {}",
                            matching.size(), describe(uris), describe(matching)));
}

}  // namespace coffer::crypto
