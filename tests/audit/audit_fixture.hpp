#pragma once
// What the tests of the audit journal share: folders, keys made with OpenSSL, a clock, an observer, ways to
// change files.

#include <openssl/evp.h>

#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/audit/checkpoint_keys.hpp"
#include "daemon/audit/journal.hpp"
#include "daemon/audit/verifier.hpp"

namespace coffer::testing {

/// A folder that only its owner can use and that goes away with its content.
class AuditFolder {
public:
    AuditFolder();
    ~AuditFolder();
    AuditFolder(const AuditFolder&) = delete;
    AuditFolder& operator=(const AuditFolder&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    /// A folder in it, made on the first call.
    [[nodiscard]] std::filesystem::path sub(std::string_view name) const;

private:
    std::filesystem::path path_;
};

/// Signs with P-256 keys that OpenSSL made. Thread-safe.
class OpensslSigner final : public audit::CheckpointSigner {
public:
    OpensslSigner();
    /// With the private key of a PEM file.
    explicit OpensslSigner(const std::filesystem::path& private_pem);
    [[nodiscard]] audit::SigningKey newest() const override;
    [[nodiscard]] std::optional<audit::SigningKey> find(std::uint32_t generation) const override;
    [[nodiscard]] audit::EcdsaSignature sign(std::uint32_t generation, const audit::Digest& digest) override;

    /// From now on a further key signs. Returns its generation.
    std::uint32_t add_generation();
    /// From now on it cannot sign with that generation.
    void forget(std::uint32_t generation);
    [[nodiscard]] std::string public_pem(std::uint32_t generation = 1) const;
    /// Of generation 1.
    void write_private_pem(const std::filesystem::path& file) const;
    [[nodiscard]] audit::CheckpointKeys keys(std::uint32_t generation = 1) const;

private:
    [[nodiscard]] std::shared_ptr<EVP_PKEY> key(std::uint32_t generation) const;
    mutable std::mutex mutex_;
    std::map<std::uint32_t, std::shared_ptr<EVP_PKEY>> keys_;
};

/// r || s of a signature in DER.
[[nodiscard]] audit::EcdsaSignature raw_signature(const std::vector<unsigned char>& der);

/// Remembers what it is told. Thread-safe.
class RecordingObserver final : public audit::JournalObserver {
public:
    void availability_changed(bool available, std::string reason) override;
    void low_water_changed(bool low, std::uint64_t free_bytes) override;
    void incident(std::string what) override;
    void batch_written(std::size_t records, std::size_t bytes, std::chrono::nanoseconds took) override;
    void checkpoint_written(std::uint64_t sequence, std::string json) override;
    void checkpoint_failed(std::string reason) override;

    [[nodiscard]] std::vector<std::string> lines() const;
    [[nodiscard]] bool has(std::string_view part) const;
    /// Waits, up to a minute, until a line has `part`.
    [[nodiscard]] bool wait_for_line(std::string_view part) const;
    [[nodiscard]] std::size_t batches() const;
    [[nodiscard]] std::vector<std::string> checkpoints() const;

private:
    void add(std::string line);
    mutable std::mutex mutex_;
    mutable std::condition_variable added_;
    std::vector<std::string> lines_;
    std::vector<std::string> checkpoints_;
    std::size_t batches_ = 0;
};

/// Moved by hand. Thread-safe.
class HandClock final : public Clock {
public:
    [[nodiscard]] Timestamp now() const override {
        const std::lock_guard lock(mutex_);
        return now_;
    }
    void advance(std::chrono::milliseconds by) {
        const std::lock_guard lock(mutex_);
        now_ = now_ + by;
    }

private:
    mutable std::mutex mutex_;
    Timestamp now_ = Timestamp::from_millis(1'790'000'000'000);
};

/// A configuration for small journals: no reserve, a checkpoint only when asked for, quick retries.
[[nodiscard]] audit::JournalConfig small_config(const std::filesystem::path& directory);

/// A GetSecretValue of the secret `name`.
[[nodiscard]] audit::Event sample_event(std::string_view name);

/// Appends and waits; throws what the completion got.
audit::Receipt append(audit::Journal& journal, const audit::Event& event,
                      audit::Admission admission = audit::Admission::request);

[[nodiscard]] std::string read_file(const std::filesystem::path& file);
void write_file(const std::filesystem::path& file, std::string_view content);
/// The segment files, in order.
[[nodiscard]] std::vector<std::filesystem::path> segment_files(const std::filesystem::path& directory);
/// The lines of a text, without line feeds.
[[nodiscard]] std::vector<std::string> lines_of(std::string_view text);
[[nodiscard]] std::string join_lines(const std::vector<std::string>& lines);

}  // namespace coffer::testing
