#pragma once
// A fresh token of a real module, reached through the shim.

#include <p11-kit/pkcs11.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/hsm-shim/shim_control.hpp"

namespace coffer::shim {

/// Which real module this program tests: "softhsm2" or "nss".
[[nodiscard]] std::string tested_token();

/// A temporary directory with a token in it that was initialised through the shim.
class ShimToken {
public:
    ShimToken();
    ~ShimToken();
    ShimToken(const ShimToken&) = delete;
    ShimToken& operator=(const ShimToken&) = delete;

    [[nodiscard]] ShimControl& control() noexcept { return *control_; }
    [[nodiscard]] const CK_FUNCTION_LIST& p11() const noexcept { return *list_; }
    [[nodiscard]] CK_SLOT_ID slot() const noexcept { return slot_; }
    [[nodiscard]] std::string pin() const { return "12345678"; }

    /// C_Initialize with what the real module needs. The slot may have another number afterwards (SoftHSM2).
    [[nodiscard]] CK_RV initialize();

private:
    void make_softhsm2();
    void make_nss();
    void find_slot();
    void set_pin(const std::string& so_pin) const;
    [[nodiscard]] std::vector<CK_SLOT_ID> slots() const;

    std::filesystem::path directory_;
    std::unique_ptr<ShimControl> control_;
    CK_FUNCTION_LIST* list_ = nullptr;
    std::string library_parameters_;
    CK_SLOT_ID slot_ = 0;
};

}  // namespace coffer::shim
