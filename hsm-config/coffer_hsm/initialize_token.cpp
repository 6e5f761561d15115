#include "hsm-config/coffer_hsm/initialize_token.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "crypto/pkcs11_error.hpp"
#include "crypto/session.hpp"

namespace coffer::hsm_config {
namespace {

using crypto::check;

/// PKCS#11 2.40, 3.2: padded with blanks, not NUL-terminated.
constexpr std::size_t kLabelBytes = 32;

crypto::SlotId free_slot(CK_FUNCTION_LIST& functions) {
    CK_ULONG count = 0;
    check("C_GetSlotList", functions.C_GetSlotList(CK_TRUE, nullptr, &count));
    std::vector<CK_SLOT_ID> slots(count);
    check("C_GetSlotList", functions.C_GetSlotList(CK_TRUE, slots.data(), &count));
    for (const auto slot : slots) {
        CK_TOKEN_INFO info{};
        check("C_GetTokenInfo", functions.C_GetTokenInfo(slot, &info));
        if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) return crypto::SlotId(slot);
    }
    throw Error(
        "the module has no slot for a new token: make one with the vendor's own tool (for an NSS database, "
        "certutil "
        "-N)");
}

}  // namespace

void initialize_token(const crypto::Module& module, std::string_view label, crypto::SecretBytes officer_pin,
                      crypto::SecretBytes user_pin) {
    if (label.empty() || label.size() > kLabelBytes) {
        throw Error(fmt::format("a token's label has 1 to {} bytes, and \"{}\" has {}", kLabelBytes, label,
                                label.size()));
    }
    auto& functions = module.functions();
    const auto slot = free_slot(functions);
    std::array<CK_UTF8CHAR, kLabelBytes> padded{};
    padded.fill(' ');
    std::ranges::copy(label, padded.begin());
    check("C_InitToken", functions.C_InitToken(slot.value(), officer_pin.writable().data(),
                                               officer_pin.size(), padded.data()));

    const auto session = crypto::Session::open(module, slot, crypto::SessionMode::read_write);
    check("C_Login",
          functions.C_Login(session.handle(), CKU_SO, officer_pin.writable().data(), officer_pin.size()));
    const auto code = functions.C_InitPIN(session.handle(), user_pin.writable().data(), user_pin.size());
    functions.C_Logout(session.handle());
    check("C_InitPIN", code);
}

}  // namespace coffer::hsm_config
