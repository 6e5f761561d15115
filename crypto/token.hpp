#pragma once
// The configured token, through all its epochs: loads the module, and rebuilds what a failure has made stale.

#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string_view>
#include <vector>

#include "crypto/anchor_session.hpp"
#include "crypto/data_key_cache.hpp"
#include "crypto/hsm.hpp"
#include "crypto/hsm_context.hpp"
#include "crypto/live_token.hpp"
#include "crypto/module.hpp"
#include "crypto/slot.hpp"
#include "crypto/token_keeper.hpp"

namespace coffer::crypto {

/// The functions of TokenKeeper are called as it says; all others by any thread.
class Token final : public TokenKeeper {
public:
    /// Throws Error that says which step failed and what to change; PinRefused.
    explicit Token(const HsmConfig& config);
    ~Token() override;

    [[nodiscard]] HsmContext& context(std::size_t worker) override { return contexts_.at(worker); }
    void probe(std::size_t worker) override;
    void rebuild(RecoveryGrade grade) override;
    void tidy(std::size_t worker) noexcept override;
    void make_room() noexcept override { data_keys_.shrink(); }

    [[nodiscard]] DataKeyCache& data_keys() noexcept { return data_keys_; }
    [[nodiscard]] const DataKeyCache& data_keys() const noexcept { return data_keys_; }
    [[nodiscard]] TokenInfo info() const;
    [[nodiscard]] std::vector<MasterKeyInfo> master_keys() const;
    [[nodiscard]] std::optional<MasterKeyInfo> find_master_key(std::string_view name) const;
    [[nodiscard]] std::optional<MasterKeyInfo> find_master_key(MasterKeyId id) const;
    [[nodiscard]] bool master_keys_copied() const;

    /// The module, for libp11's users. Hold `lock_module` while using it: rebuild() waits for them before it
    /// initializes the module again.
    [[nodiscard]] std::shared_lock<std::shared_mutex> lock_module() {
        return std::shared_lock(module_mutex_);
    }
    [[nodiscard]] const Module& module() const noexcept { return *module_; }
    [[nodiscard]] const TokenUri& uri() const noexcept { return uri_; }
    /// Raised whenever the module is initialized again; libp11's objects from before are void. Stable while
    /// `lock_module` is held.
    [[nodiscard]] std::uint64_t module_generation() const noexcept { return module_generation_; }

private:
    void require_mechanisms() const;
    void come_alive(AnchorSession anchor);
    void go_stale() noexcept;

    const Profile profile_;
    const PinSource pin_;
    const TokenUri uri_;
    PinGuard pin_guard_;
    std::unique_ptr<Module> module_;
    std::shared_mutex module_mutex_;
    std::uint64_t module_generation_ = 1;
    DataKeyCache data_keys_;
    std::optional<LiveToken> live_;
    std::vector<HsmContext> contexts_;

    mutable std::mutex published_mutex_;
    TokenInfo info_;
    std::vector<MasterKeyInfo> infos_;
    bool copied_ = false;
};

}  // namespace coffer::crypto
