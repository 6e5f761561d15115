#include "hsm-config/coffer_hsm/probe_key_wrap.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>

#include "crypto/data_key.hpp"
#include "crypto/objects.hpp"
#include "crypto/pkcs11_error.hpp"
#include "crypto/slot.hpp"

namespace coffer::hsm_config {
namespace {

using crypto::KeyWrap;
using crypto::ObjectGuard;
using crypto::Session;

struct VendorName {
    unsigned long mechanism;
    std::string_view name;
};

/// The same operation under a vendor's own number, from the vendors' public headers. Another vendor may use
/// the number for something else, so what it makes is looked at.
constexpr std::array kVendorKeyWraps = {VendorName{0x80000170, "CKM_AES_KW of Thales Luna"},
                                        VendorName{0x80002109, "CKM_CLOUDHSM_AES_KEY_WRAP_NO_PAD"}};

void require_unwraps(const Session& session, CK_OBJECT_HANDLE wrapping_key, const KeyWrap& way,
                     ByteView wrapped) {
    const ObjectGuard key(session, crypto::unwrap_data_key(session, way, wrapping_key, wrapped));
}

KeyWrap try_mechanism(const Session& session, CK_OBJECT_HANDLE wrapping_key, unsigned long mechanism) {
    const ObjectGuard key(session, crypto::generate_data_key(session, false));
    KeyWrap way{.mechanism = mechanism, .unwrap_with_value_len = false};
    const auto wrapped = crypto::wrap_data_key(session, way, wrapping_key, key.get());
    try {
        require_unwraps(session, wrapping_key, way, wrapped);
    } catch (const crypto::Pkcs11Error&) {
        way.unwrap_with_value_len = true;
        require_unwraps(session, wrapping_key, way, wrapped);
    }
    return way;
}

}  // namespace

std::vector<unsigned long> key_wrap_mechanisms(const crypto::Module& module, crypto::SlotId slot,
                                               const KeyWrap& configured) {
    std::vector<unsigned long> mechanisms;
    const auto consider = [&](unsigned long mechanism) {
        if (std::ranges::find(mechanisms, mechanism) != mechanisms.end()) return;
        if (!crypto::has_mechanism(module, slot, mechanism, CKF_WRAP | CKF_UNWRAP)) return;
        mechanisms.push_back(mechanism);
    };
    consider(configured.mechanism);
    consider(crypto::kStandardKeyWrapMechanism);
    for (const auto& vendor : kVendorKeyWraps) consider(vendor.mechanism);
    return mechanisms;
}

std::string missing_key_wrap() {
    std::string out = "CKM_AES_KEY_WRAP (0x2109)";
    for (const auto& vendor : kVendorKeyWraps) {
        out += fmt::format(" or {} ({:#x})", vendor.name, vendor.mechanism);
    }
    return out + ", for wrapping and unwrapping data keys";
}

KeyWrap find_key_wrap(const Session& session, CK_OBJECT_HANDLE wrapping_key,
                      const std::vector<unsigned long>& mechanisms) {
    std::exception_ptr first;
    for (const auto mechanism : mechanisms) {
        try {
            return try_mechanism(session, wrapping_key, mechanism);
        } catch (const Error&) {
            if (!first) first = std::current_exception();
        }
    }
    if (first) std::rethrow_exception(first);
    throw Error("the token lists no AES Key Wrap");
}

Verdict describe(const KeyWrap& way) {
    return {.result = StepResult::ok,
            .detail =
                crypto::to_text(way) + (way.unwrap_with_value_len ? "; unwrapping wants CKA_VALUE_LEN" : ""),
            .advice = {}};
}

}  // namespace coffer::hsm_config
