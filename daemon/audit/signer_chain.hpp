#pragma once
// Whose turn it is to sign, from checkpoint to checkpoint of one journal: beginning with the keys that
// whoever verifies has, to those that a checkpoint introduces.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/audit/checkpoint_keys.hpp"

namespace coffer::audit {

/// Not thread-safe.
class SignerChain {
public:
    explicit SignerChain(CheckpointKeys given) : keys_(std::move(given)) {}

    /// What is wrong with the key of a checkpoint that comes next, or with its signature; empty when nothing
    /// is.
    [[nodiscard]] std::string problem_of(const Checkpoint& checkpoint) const;
    /// What is wrong with a checkpoint that was kept elsewhere, whenever it was written; empty when nothing
    /// is.
    [[nodiscard]] std::string problem_of_kept(const Checkpoint& checkpoint) const;

    /// Goes on behind the checkpoint in record `sequence`, which is good. Returns what is worth knowing of a
    /// change of the key. Throws Error when the key that it introduces is none.
    [[nodiscard]] std::vector<std::string> take(const Checkpoint& checkpoint, std::uint64_t sequence);

    /// Who has to sign next; nothing before the first checkpoint.
    [[nodiscard]] const std::optional<SignerName>& next_signer() const noexcept { return next_signer_; }

private:
    [[nodiscard]] std::string problem_with_key(const SignerName& signer) const;

    CheckpointKeys keys_;  ///< those that were given, and those that were introduced
    std::optional<SignerName> next_signer_;
    std::map<Digest, std::uint64_t> replaced_;  ///< keys that may not sign any more, and since which record
};

}  // namespace coffer::audit
