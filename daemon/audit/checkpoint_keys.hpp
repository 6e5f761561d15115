#pragma once
// Public keys that checkpoints are checked with.

#include <memory>
#include <string_view>
#include <vector>

#include "daemon/audit/checkpoint.hpp"
#include "daemon/audit/signing_key.hpp"

namespace coffer::audit {

/// Thread-safe as long as nobody adds to it.
class CheckpointKeys {
public:
    /// Adds the EC P-256 public keys in a PEM file (SubjectPublicKeyInfo), at least one. Throws Error for
    /// anything else.
    void add_pem(std::string_view pem);
    /// The same for one that a checkpoint introduces. Throws Error when it is no such key.
    void add(const SigningKey& key);
    [[nodiscard]] bool empty() const noexcept { return keys_.empty(); }
    [[nodiscard]] bool has(const Digest& key_id) const noexcept;
    /// Whether the checkpoint's signature is that of the key it names.
    [[nodiscard]] bool verify(const Checkpoint& checkpoint) const;

private:
    struct Key {
        Digest id{};
        std::shared_ptr<evp_pkey_st> key;
    };
    std::vector<Key> keys_;
};

}  // namespace coffer::audit
