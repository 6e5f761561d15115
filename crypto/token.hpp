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
#include "crypto/libp11_keys.hpp"
#include "crypto/live_token.hpp"
#include "crypto/mechanisms.hpp"
#include "crypto/module.hpp"
#include "crypto/module_gate.hpp"
#include "crypto/slot.hpp"
#include "crypto/token_keeper.hpp"
#include "crypto/token_signer.hpp"

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
    /// All generations of all master keys, by name, then generation.
    [[nodiscard]] std::vector<MasterKeyRef> generations() const;
    [[nodiscard]] bool holds(const MasterKeyRef& ref) const;
    /// Generations of the seal key, oldest first.
    [[nodiscard]] std::vector<std::uint32_t> seal_generations() const;
    /// Generations of the audit key, oldest first.
    [[nodiscard]] std::vector<AuditKeyInfo> audit_keys() const;

    // Of long-lived keys, while no worker is inside (Executor::exclusively). They throw Error, Pkcs11Error;
    // the keys that the daemon works with are then as they were.

    /// Goes on with the keys that the token holds now.
    void refresh_keys();
    /// Makes a key as KeyFactory does, and refreshes.
    MasterKeyRef make_master_key(std::string_view name);
    void make_generation(std::string_view name, const MasterKeyRef& ref);
    /// Destroys a generation, unless it is gone already, and refreshes.
    void destroy_generation(const MasterKeyRef& ref);
    void make_seal_generation(std::uint32_t generation);
    void destroy_seal_generation(std::uint32_t generation);
    void make_audit_generation(std::uint32_t generation);
    void destroy_audit_generation(std::uint32_t generation);

    /// libp11's users hold this while they are inside: what is rebuilt waits for them.
    [[nodiscard]] std::shared_lock<std::shared_mutex> lock_module() { return gate_.shared(); }
    /// Throws Error that says what to do when the token cannot sign `what` ("certificates") by `needed`.
    void require_signing(const SigningMechanism& needed, std::string_view what);
    /// libp11's own object for a private key; void after the next login. Throws Error.
    [[nodiscard]] EvpPkeyPtr libp11_key(const TokenUri& key);
    /// The signer for the key that `key` names: one for each URI, taken along through recoveries.
    [[nodiscard]] std::shared_ptr<TokenSigner> signer(Executor& executor, TokenUri key);
    /// Ends all signing. Before the executor goes.
    void close_signers() noexcept;
    /// Closes the sessions, which logs out, and finalizes the module. No other function may be under way but
    /// those for any thread.
    void close() noexcept;

private:
    void require_mechanisms() const;
    void come_alive(AnchorSession anchor);
    void publish_keys();
    [[nodiscard]] LiveToken& require_live();
    /// A session that may make and destroy token objects.
    [[nodiscard]] Session writing_session() const;
    /// Calls `change` with a session that may write, and reads the keys back.
    template <class Change>
    void change_keys(const Change& change);
    void go_stale() noexcept;
    void leave_libp11() noexcept;

    const Profile profile_;
    const PinSource pin_;
    const std::vector<TokenUri> uris_;
    const bool signs_checkpoints_;
    const std::chrono::milliseconds signing_patience_;
    PinGuard pin_guard_;
    std::unique_ptr<Module> module_;
    ModuleGate gate_;
    Libp11Keys libp11_keys_;
    DataKeyCache data_keys_;
    std::optional<LiveToken> live_;
    std::vector<HsmContext> contexts_;

    mutable std::mutex published_mutex_;
    TokenInfo info_;
    std::vector<MasterKeyInfo> infos_;
    std::vector<MasterKeyRef> refs_;
    std::vector<std::uint32_t> seal_generations_;
    std::vector<AuditKeyInfo> audit_keys_;
    bool copied_ = false;

    std::mutex signers_mutex_;
    std::vector<std::shared_ptr<TokenSigner>> signers_;
};

}  // namespace coffer::crypto
