#pragma once
// The thread that has checkpoints signed: after so many records or so much time, when there is a newer key,
// and at the end. It waits for the token so that the writer need not.

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "daemon/audit/journal.hpp"
#include "daemon/audit/journal_queue.hpp"
#include "daemon/audit/journal_writer.hpp"
#include "daemon/audit/recovery.hpp"

namespace coffer::audit {

/// Thread-safe.
class Checkpointer {
public:
    /// Starts the thread. References must outlive it. `previous` is the checkpoint before.
    Checkpointer(const JournalConfig& config, const Clock& clock, std::shared_ptr<CheckpointSigner> signer,
                 JournalWriter& writer, JournalQueue& queue, JournalObserver& observer,
                 const std::optional<LastCheckpoint>& previous);
    ~Checkpointer();
    Checkpointer(const Checkpointer&) = delete;
    Checkpointer& operator=(const Checkpointer&) = delete;

    /// A checkpoint for all that is durable, now, on the caller's thread. Throws when it cannot be signed or
    /// written.
    void write_now(bool closing);
    [[nodiscard]] std::uint64_t signed_sequence() const;
    /// The generation of the key whose turn it is to sign; 0 before a journal's first checkpoint.
    [[nodiscard]] std::uint32_t signing_generation() const;
    /// Ends the thread; a signature under way is waited for.
    void stop();

private:
    void run();
    [[nodiscard]] bool due(std::uint64_t durable, Deadline last) const;
    [[nodiscard]] bool newer_key() const;
    void change_key(const SigningKey& newest);
    void write(bool closing, std::optional<SigningKey> successor);

    const JournalConfig& config_;
    const Clock& clock_;
    const std::shared_ptr<CheckpointSigner> signer_;
    JournalWriter& writer_;
    JournalQueue& queue_;
    JournalObserver& observer_;

    std::mutex write_mutex_;  // one checkpoint at a time
    Digest previous_{};

    /// Who has to sign the next checkpoint; nothing before a journal's first. Changed under both mutexes.
    std::optional<SignerName> next_signer_;

    mutable std::mutex mutex_;
    std::condition_variable stirred_;
    bool stopping_ = false;
    std::uint64_t signed_sequence_ = 0;
    std::uint64_t own_sequence_ = 0;  // of the newest checkpoint's record
    std::uint32_t signing_generation_ = 0;

    std::thread thread_;
};

}  // namespace coffer::audit
