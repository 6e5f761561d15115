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
    /// Out of use for good: each node destroys it in its token.
    bool retired = false;
    /// How long ago it was marked, by the database's clock, while an attempt to retire it is under way.
    std::optional<std::int64_t> marked_seconds_ago{};
    Bytes retirement_seal{};  ///< of a retired one (token_key_repository.hpp)
};

/// What a node said of itself last.
struct SealHolder {
    std::string node;
    std::uint32_t generation = 0;        ///< the newest that it knows
    std::uint32_t sealing = 0;           ///< what it makes new seals and sessions with
    std::optional<Timestamp> changed{};  ///< since when, by its clock; nothing: since its first start
    std::int64_t seconds_ago = 0;        ///< since it said so, by the database's clock
    bool stopped = false;
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
    /// The attempt `retirement` begins: from the commit on the database refuses rows that are sealed under
    /// the generation. False when it is retired, or another attempt has it.
    [[nodiscard]] static bool mark(WriteTransaction& tx, std::uint32_t generation, const Uuid& retirement);
    /// The attempt ends without retiring what it still has marked.
    static void unmark(WriteTransaction& tx, const Uuid& retirement);
    /// Ends all attempts that began at least `age` ago.
    static void unmark_left_behind(WriteTransaction& tx, std::chrono::seconds age);
    /// For good, under a seal; the database goes on refusing. False when the attempt does not have it marked
    /// any more.
    [[nodiscard]] static bool retire(WriteTransaction& tx, std::uint32_t generation, const Uuid& retirement);

    /// By node.
    [[nodiscard]] static std::vector<SealHolder> holders(ReadTransaction& tx);
    /// `now` counts where the node seals under another generation than it said last.
    static void put_holder(WriteTransaction& tx, const std::string& node, std::uint32_t generation,
                           std::uint32_t sealing, Timestamp now);
    /// The node says that it stops: nobody waits for it.
    static void stop_holder(WriteTransaction& tx, const std::string& node);

    /// How many rows are sealed under each generation; 0: what is no seal. Reads all sealed tables.
    [[nodiscard]] static std::map<std::uint32_t, std::int64_t> count_rows(ReadTransaction& tx);
    /// Waits until every change of sealed rows and of the outbox that is under way now has ended, also one
    /// that has only locked a row so far. Until the end of the transaction there are no others.
    static void wait_for_writers(WriteTransaction& tx);
    /// The nodes that have events in the outbox, by the generation that those are authenticated under.
    [[nodiscard]] static std::map<std::uint32_t, std::vector<std::string>> outbox_nodes(ReadTransaction& tx);
};

/// The sealing anew of rows under the generation `generation`; one node at a time is at it.
class ResealRepository {
public:
    /// Unless it has begun.
    static void begin(WriteTransaction& tx, std::uint32_t generation, Timestamp now);
    /// Goes on after it has ended: there are rows to be sealed anew after all. Nothing to do before that.
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
    // By the node that has the lease. False when another has it, or has ended the work: what was done in the
    // transaction is to be given up then.

    /// Notes how far it is, and prolongs the lease.
    [[nodiscard]] static bool advance(WriteTransaction& tx, std::uint32_t generation, const std::string& node,
                                      const std::optional<Uuid>& position, std::int64_t done,
                                      std::chrono::milliseconds lease);
    /// Begins anew with the first secret: a further pass.
    [[nodiscard]] static bool rewind(WriteTransaction& tx, std::uint32_t generation, const std::string& node);
    [[nodiscard]] static bool end(WriteTransaction& tx, std::uint32_t generation, const std::string& node,
                                  std::int64_t failed, Timestamp now);

    [[nodiscard]] static std::optional<ResealProgress> progress(ReadTransaction& tx,
                                                                std::uint32_t generation);

    static void clear_failures(WriteTransaction& tx);
    static void add_failure(WriteTransaction& tx, const ResealFailure& failure);
    [[nodiscard]] static std::vector<ResealFailure> failures(ReadTransaction& tx, std::size_t limit);
};

/// The generation that a seal names; 0 for what is no seal (crypto/seal_form.hpp).
[[nodiscard]] std::uint32_t seal_generation(ByteView seal) noexcept;

}  // namespace coffer::storage
