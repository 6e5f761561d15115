#pragma once
// Generations of the seal key, as nodes tell each other of them, and how far rows are sealed anew under the
// newest. Not sealed: hints, since what counts is what a token holds, and which key a seal is of.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/bytes.hpp"
#include "daemon/base/time.hpp"
#include "storage/records.hpp"
#include "storage/transaction.hpp"

namespace coffer::storage {

struct StoredSealKey {
    std::uint32_t generation = 0;
    Timestamp created;                   ///< or when it was first noticed
    std::optional<Timestamp> activated;  ///< since when rows are sealed under it
    bool retired = false;                ///< it is about to be destroyed
};

/// The newest generation that a node that runs knows.
struct SealHolder {
    std::string node;
    std::uint32_t generation = 0;
    std::int64_t seconds_ago = 0;  ///< since it said so, by the database's clock
};

struct ResealProgress {
    std::uint32_t generation = 0;
    Timestamp started;
    std::optional<Timestamp> ended;
    std::int64_t total = 0;  ///< rows under older generations when it began
    std::int64_t done = 0;
    std::int64_t failed = 0;
    bool leased = false;  ///< a node is at it
};

struct ResealFailure {
    std::string name;  ///< "secrets app/db"
    std::string reason;
};

/// A secret that is sealed under an older generation.
struct SecretToReseal {
    SecretId id;
    std::string name;
};

class SealKeyRepository {
public:
    /// Oldest first.
    [[nodiscard]] static std::vector<StoredSealKey> keys(ReadTransaction& tx);
    /// Keeps what is there of the same generation.
    static void add(WriteTransaction& tx, const StoredSealKey& key);
    /// Once: a second time changes nothing.
    static void activate(WriteTransaction& tx, std::uint32_t generation, Timestamp now);
    /// From the commit on the database refuses rows that are sealed under it.
    static void set_retired(WriteTransaction& tx, std::uint32_t generation, bool retired);
    static void remove(WriteTransaction& tx, std::uint32_t generation);

    /// By node.
    [[nodiscard]] static std::vector<SealHolder> holders(ReadTransaction& tx);
    static void put_holder(WriteTransaction& tx, const std::string& node, std::uint32_t generation);
    static void remove_holder(WriteTransaction& tx, const std::string& node);

    /// How many rows are sealed under each generation; 0: what is no seal. Reads all sealed tables.
    [[nodiscard]] static std::map<std::uint32_t, std::int64_t> count_rows(ReadTransaction& tx);
    /// Waits until every change of sealed rows that is under way now has ended.
    static void wait_for_writers(WriteTransaction& tx);
    /// The nodes that have events in the outbox since before `time`.
    [[nodiscard]] static std::vector<std::string> nodes_with_events_before(ReadTransaction& tx,
                                                                           Timestamp time);
};

/// The sealing anew of rows under the generation `generation`; one node at a time is at it.
class ResealRepository {
public:
    /// Unless it has begun.
    static void begin(WriteTransaction& tx, std::uint32_t generation, Timestamp now);
    /// Goes on after it has ended: there are rows to be sealed anew after all.
    static void reopen(WriteTransaction& tx, std::uint32_t generation);
    /// Leases it for `lease`. False while another node has it, and when it has ended.
    [[nodiscard]] static bool claim(WriteTransaction& tx, std::uint32_t generation, const std::string& node,
                                    std::chrono::milliseconds lease);
    /// Behind which secret to go on.
    [[nodiscard]] static std::optional<Uuid> position(ReadTransaction& tx, std::uint32_t generation);
    /// Secrets that are sealed under older generations, by id, behind `position`.
    [[nodiscard]] static std::vector<SecretToReseal> secrets(ReadTransaction& tx, std::uint32_t generation,
                                                             const std::optional<Uuid>& position,
                                                             std::size_t limit);
    /// Whether the set of master keys is sealed under an older generation.
    [[nodiscard]] static bool set_is_older(ReadTransaction& tx, std::uint32_t generation);
    /// Notes how far it is, and prolongs the lease.
    static void advance(WriteTransaction& tx, std::uint32_t generation, const std::optional<Uuid>& position,
                        std::int64_t done, std::chrono::milliseconds lease);
    /// Begins anew with the first secret: a further pass.
    static void rewind(WriteTransaction& tx, std::uint32_t generation);
    static void end(WriteTransaction& tx, std::uint32_t generation, std::int64_t failed, Timestamp now);
    [[nodiscard]] static std::optional<ResealProgress> progress(ReadTransaction& tx,
                                                                std::uint32_t generation);

    static void clear_failures(WriteTransaction& tx);
    static void add_failure(WriteTransaction& tx, const ResealFailure& failure);
    [[nodiscard]] static std::vector<ResealFailure> failures(ReadTransaction& tx, std::size_t limit);
};

/// The generation that a seal names; 0 for what is no seal (crypto/seal_form.hpp).
[[nodiscard]] std::uint32_t seal_generation(ByteView seal) noexcept;

}  // namespace coffer::storage
