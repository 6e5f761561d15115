#include "crypto/mechanisms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "crypto/objects.hpp"

namespace coffer::crypto {

namespace {

constexpr std::array kNeededMechanisms = {
    NeededMechanism{CKM_AES_KEY_GEN, "CKM_AES_KEY_GEN", CKF_GENERATE, "making master and data keys",
                    MechanismUser::daemon},
    NeededMechanism{CKM_AES_GCM, "CKM_AES_GCM", CKF_ENCRYPT | CKF_DECRYPT, "payloads", MechanismUser::daemon},
    NeededMechanism{CKM_GENERIC_SECRET_KEY_GEN, "CKM_GENERIC_SECRET_KEY_GEN", CKF_GENERATE,
                    "making the seal key", MechanismUser::making_keys},
    NeededMechanism{CKM_SHA256_HMAC, "CKM_SHA256_HMAC", CKF_SIGN, "seals", MechanismUser::daemon},
    NeededMechanism{CKM_EC_KEY_PAIR_GEN, "CKM_EC_KEY_PAIR_GEN", CKF_GENERATE_KEY_PAIR, "making the audit key",
                    MechanismUser::making_keys},
    NeededMechanism{CKM_ECDSA, "CKM_ECDSA", CKF_SIGN, "signing audit checkpoints", MechanismUser::audit},
};

}  // namespace

std::span<const NeededMechanism> needed_mechanisms() noexcept {
    return kNeededMechanisms;
}

std::string missing_mechanism(const Module& module, SlotId slot, const NeededMechanism& needed) {
    if (has_mechanism(module, slot, needed.type, needed.flags)) return {};
    const bool there = has_mechanism(module, slot, needed.type, 0);
    return fmt::format("{} ({:#x}){} for {}", needed.name, needed.type, there ? " is there, but not" : "",
                       needed.use);
}

std::vector<std::string> missing_mechanisms(const Module& module, SlotId slot,
                                            std::span<const MechanismUser> users) {
    std::vector<std::string> missing;
    for (const auto& needed : kNeededMechanisms) {
        if (std::ranges::find(users, needed.user) == users.end()) continue;
        if (auto line = missing_mechanism(module, slot, needed); !line.empty())
            missing.push_back(std::move(line));
    }
    return missing;
}

}  // namespace coffer::crypto
