#pragma once
// The token as the rest of the daemon sees it: opened once, kept alive through every failure, closed last.
// What is behind it (module, sessions, epochs, recovery, key ring) has a file each in this folder.

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/audit_key.hpp"
#include "crypto/envelope.hpp"
#include "crypto/key_changes.hpp"
#include "crypto/key_types.hpp"
#include "crypto/pin_source.hpp"
#include "crypto/profile.hpp"
#include "crypto/rewrap.hpp"
#include "crypto/seals.hpp"
#include "daemon/base/job_queue.hpp"
#include "daemon/base/outcome.hpp"

namespace coffer::crypto {

struct HsmConfig {
    std::filesystem::path module;
    /// Stands for `{dir}` in the profile's module_arguments; empty when those do not use it.
    std::filesystem::path token_dir;
    /// RFC 7512 URI: `token` and/or `serial`; never a slot. An attribute `pin-value` is refused.
    /// Several: exactly one of them names a token at a time (slot.hpp, parse_token_uris).
    std::vector<std::string> token_uris;
    PinSource pin;
    Profile profile;
    /// The arguments that the module is initialized with: the profile's, with `{dir}` filled in.
    [[nodiscard]] std::string module_arguments() const;
    /// Whether the audit key is used: a token that cannot sign with it is refused then.
    bool signs_checkpoints = false;
    /// Jobs that may wait in each priority lane.
    std::size_t queue_capacity = 4096;
    /// Failures in a row after which the breaker opens, and how long until its next probe.
    unsigned breaker_failures = 5;
    std::chrono::milliseconds breaker_probe_interval{500};
    /// How long whoever has something signed, as a handshake, waits for a token that has to come back.
    std::chrono::milliseconds signing_patience{2'000};
};

/// Told about what operators want to know. Called on HSM threads; must not block or throw.
class HsmObserver {
public:
    virtual ~HsmObserver() = default;
    /// The token became usable or unusable; `reason` is one line, without secrets.
    virtual void readiness_changed(bool ready, std::string reason) = 0;
    /// Recovery of a class ("session", "login", "module") was done after `function` returned `code`.
    virtual void recovered(std::string recovery, std::string function, unsigned long code) = 0;
    /// One PKCS#11 job was done; for rates and latencies.
    virtual void job_done(std::chrono::nanoseconds queued, std::chrono::nanoseconds ran) = 0;
    /// A ciphertext, wrapped key or check value did not verify.
    virtual void integrity_failure(std::string what) = 0;
};

struct HsmStatus {
    bool ready = false;
    std::string reason;  ///< why not ready; empty when ready
    std::string token_label;
    std::string token_serial;
    std::string token_model;
    std::uint64_t epoch = 0;  ///< raised by every recovery
    std::size_t queued = 0;
    std::size_t data_keys_cached = 0;
    /// Whether session-object copies of the long-lived keys are used (Profile::copy_master_keys; a token may
    /// refuse to make them).
    bool master_keys_copied = false;
};

/// Thread-safe after open().
class Hsm {
public:
    /// Loads the module, finds the one token, logs in (one try), finds the keys, proves each mechanism that
    /// is needed with a round trip and a tamper check, and starts the threads. Throws Error that says which
    /// step failed and what to change; PinRefused (anchor_session.hpp), which a restart only makes worse.
    /// `observer` may be null.
    [[nodiscard]] static std::unique_ptr<Hsm> open(HsmConfig config, std::shared_ptr<HsmObserver> observer);
    ~Hsm();
    Hsm(const Hsm&) = delete;
    Hsm& operator=(const Hsm&) = delete;

    [[nodiscard]] Envelope& envelope() noexcept;
    [[nodiscard]] Seals& seals() noexcept;
    [[nodiscard]] AuditKey& audit_key() noexcept;
    [[nodiscard]] Rewrapper& rewrapper() noexcept;
    [[nodiscard]] KeyChanges& key_changes() noexcept;

    /// Random bytes of the token (C_GenerateRandom), up to 65,536.
    void random(std::size_t size, JobOptions options, Completion<SecretBytes> completion);

    /// The master keys that the token holds, by name.
    [[nodiscard]] std::vector<MasterKeyInfo> master_keys() const;
    [[nodiscard]] std::optional<MasterKeyInfo> find_master_key(std::string_view name) const;
    [[nodiscard]] std::optional<MasterKeyInfo> find_master_key(MasterKeyId id) const;

    [[nodiscard]] HsmStatus status() const;

    /// Waits for running jobs, fails queued ones with Unavailable, logs out and finalizes the module.
    void close();

    /// The innards; for this folder's own classes and coffer-hsm.
    class Impl;
    [[nodiscard]] Impl& impl() noexcept { return *impl_; }

private:
    Hsm(const HsmConfig& config, const std::shared_ptr<HsmObserver>& observer);
    std::unique_ptr<Impl> impl_;
};

/// The token lacks keys without which nothing works. Whether they were never made or are lost, the token
/// cannot tell: `what()` says what to do in each case.
class KeysMissing : public Error {
public:
    /// `missing`: "seal key (coffer/seal/...)".
    explicit KeysMissing(const std::string& missing);
    /// "the token holds no seal key (coffer/seal/...)".
    [[nodiscard]] const std::string& fact() const noexcept { return fact_; }

    static constexpr std::string_view kNeverMade = "make the keys with coffer-hsm init";
    static constexpr std::string_view kLost =
        "this is the wrong token, or the key was lost: name the right token in [hsm] 'token', or restore the "
        "token's backup. Do not run coffer-hsm init: new keys open nothing that is stored";

private:
    std::string fact_;
};

/// A payload names a master key or generation that this token does not hold.
class UnknownMasterKey : public Error {
public:
    using Error::Error;
};

}  // namespace coffer::crypto
