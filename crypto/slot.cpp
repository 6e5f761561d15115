#include "crypto/slot.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "crypto/pkcs11_error.hpp"

namespace coffer::crypto {

namespace {

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

std::vector<TokenInfo> list_tokens(const Module& module) {
    std::vector<TokenInfo> tokens;
    for_each_token(
        module, [&](CK_SLOT_ID slot, const CK_TOKEN_INFO& info) { tokens.push_back(readable(slot, info)); });
    return tokens;
}

TokenInfo token_info(const Module& module, SlotId slot) {
    return readable(slot.value(), raw_info(module, slot.value()));
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
