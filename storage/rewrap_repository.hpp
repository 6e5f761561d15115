#pragma once
// Wrapped data keys in bulk: how many there are under each generation, wrapping them anew in parts that nodes
// lease, and going through all of them. Nothing here is sealed: a wrapped key is proven by opening it, and
// how far the work is decides nothing.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "storage/records.hpp"
#include "storage/transaction.hpp"

namespace coffer::storage {

/// Behind which version to go on, by secret id and version id.
struct VersionPosition {
    Uuid secret;
    std::string version;
};

/// A version's data key as it is stored.
struct StoredDataKey {
    SecretId secret;
    VersionId version;
    /// 0, which no key has, where the row says none: such a data key does not open.
    std::uint32_t generation = 0;
    Bytes wrapped_key;
};

/// A part of a wrapping anew that this node has leased: the blocks of secret_versions from next_block on that
/// are left.
struct RewrapSlice {
    std::int16_t number = 0;
    std::int64_t next_block = 0;
    std::int64_t end_block = 0;  ///< the first one behind the part

    [[nodiscard]] bool is_done() const noexcept { return next_block >= end_block; }
};

/// A data key that was wrapped anew; `old_wrapped_key` has to be there still when it is stored.
struct RewrappedDataKey {
    SecretId secret;
    VersionId version;
    Bytes old_wrapped_key;
    Bytes wrapped_key;
};

struct RewrapFailure {
    SecretId secret;
    VersionId version;
    std::uint32_t generation = 0;
    std::string reason;
    std::string secret_arn{};  ///< of those that are read; empty when the secret is gone
};

struct RewrapProgress {
    std::uint32_t generation = 0;
    Timestamp started;
    std::optional<Timestamp> ended;
    std::int64_t total = 0;
    std::int64_t done = 0;
    std::int64_t failed = 0;
    /// Parts that are not finished, and how many of them a node is at.
    std::int64_t open_slices = 0;
    std::int64_t leased_slices = 0;
};

/// A version with what proves it.
struct VersionProof {
    SecretId secret;
    std::string secret_arn;
    VersionId version;
    ValueKind kind = ValueKind::string;
    /// Its ciphertext only where it was asked for; under generation 0 where the row says none.
    StoredPayload payload;
};

/// Secrets that keep a master key from being deleted.
struct SecretsUnderKey {
    std::int64_t count = 0;
    std::vector<std::string> first;  ///< names of some, in alphabetical order
};

class RewrapRepository {
public:
    static constexpr int kSlices = 64;

    /// Begins the wrapping anew of everything under `key` to `generation`, unless it was begun. True for the
    /// one who began it.
    static bool begin(WriteTransaction& tx, const Uuid& key, std::uint32_t generation, Timestamp now);
    /// A part that nobody is at, leased for `lease`; nothing when there is none. Parts whose lease ran out
    /// are taken over where they stand.
    [[nodiscard]] static std::optional<RewrapSlice> claim(WriteTransaction& tx, const Uuid& key,
                                                          std::uint32_t generation, const std::string& node,
                                                          std::chrono::milliseconds lease);
    /// Data keys under older generations than `generation` in the blocks from `from` to before `to`, by
    /// secret and version. Of more than `limit` some are left out.
    [[nodiscard]] static std::vector<StoredDataKey> next(ReadTransaction& tx, const Uuid& key,
                                                         std::uint32_t generation, std::int64_t from,
                                                         std::int64_t to, std::size_t limit);
    /// Stores a batch and how far the part is, in one statement, and renews the lease. Returns how many
    /// versions were still as they had been read; the others were changed or deleted meanwhile. The commit
    /// does not wait for the disk: what a crash undoes is done again, and the old generation is there until
    /// retire() has waited for it.
    static std::size_t store(WriteTransaction& tx, const Uuid& key, std::uint32_t generation,
                             const RewrapSlice& slice, const std::vector<RewrappedDataKey>& batch,
                             std::chrono::milliseconds lease);
    static void finish(WriteTransaction& tx, const Uuid& key, const RewrapSlice& slice);
    /// Gives a part back before its lease runs out.
    static void release(WriteTransaction& tx, const Uuid& key, const std::string& node);
    static void note_failures(WriteTransaction& tx, const Uuid& key,
                              const std::vector<RewrapFailure>& failures);

    /// Another pass through all parts: something was stored under an older generation behind the first one's
    /// back.
    static void begin_pass(WriteTransaction& tx, const Uuid& key);
    static void end(WriteTransaction& tx, const Uuid& key, Timestamp now);
    /// Failures are forgotten and everything is gone through again.
    static void begin_again(WriteTransaction& tx, const Uuid& key);

    [[nodiscard]] static std::optional<RewrapProgress> progress(ReadTransaction& tx, const Uuid& key);
    /// The first failures, by secret.
    [[nodiscard]] static std::vector<RewrapFailure> failures(ReadTransaction& tx, const Uuid& key,
                                                             std::size_t limit);

    // What follows reads the whole table: half a second for a million versions.

    /// Versions under each generation of the key; under 0 those that say none.
    [[nodiscard]] static std::map<std::uint32_t, std::int64_t> count_by_generation(ReadTransaction& tx,
                                                                                   const Uuid& key);
    /// Versions under older generations than `generation`, without those that are known not to open.
    [[nodiscard]] static std::int64_t count_remaining(ReadTransaction& tx, const Uuid& key,
                                                      std::uint32_t generation);
    /// Secrets that have a version under the key, or name it by one of `names` as theirs.
    [[nodiscard]] static SecretsUnderKey secrets_under(ReadTransaction& tx, const Uuid& key,
                                                       const std::vector<std::string>& names);
    /// Versions with a value; of one key, or all.
    [[nodiscard]] static std::int64_t count_versions(ReadTransaction& tx, const std::optional<Uuid>& key);

    /// Versions with a value behind `after`, in the order of their ids.
    [[nodiscard]] static std::vector<VersionProof> versions(ReadTransaction& tx,
                                                            const std::optional<Uuid>& key,
                                                            const VersionPosition& after, std::size_t limit,
                                                            bool with_ciphertext);
};

}  // namespace coffer::storage
