#pragma once
// Looks after the events that lie in the database until they are in the journal: those of this node's
// changes. An event leaves the table after it is durable in the journal; one that is left behind (the node
// died between the two, or a COMMIT's outcome was never learned) is journaled at the next start, or half a
// minute later. So is that of a change which nobody waits for; a node that stops leaves none behind. Of other
// nodes' it says what is not taken away.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "crypto/derived_keys.hpp"
#include "daemon/audit/outbox.hpp"
#include "daemon/base/uuid.hpp"
#include "storage/audit_outbox.hpp"
#include "storage/database.hpp"

namespace coffer::secrets {

/// Makes the table's rows, and knows its own again: the database is not trusted to say what happened. The
/// keys are derived in the token (crypto::DerivedKeys), the same on every node. Thread-safe.
class OutboxRows {
public:
    /// Keys of 32 bytes.
    OutboxRows(std::shared_ptr<const crypto::DerivedKeys> keys, std::string node)
        : keys_(std::move(keys)), node_(std::move(node)) {}

    [[nodiscard]] storage::OutboxRow make(Uuid event_id, std::string json) const;
    [[nodiscard]] bool is_genuine(const storage::OutboxRow& row) const;
    /// Generations whose rows can be told from others.
    [[nodiscard]] std::vector<std::uint32_t> readable() const { return keys_->generations(); }
    [[nodiscard]] const std::string& node() const noexcept { return node_; }

private:
    const std::shared_ptr<const crypto::DerivedKeys> keys_;
    const std::string node_;
};

/// Told what operators want to know. Called on the outbox's thread; must not block or throw.
struct OutboxEvents {
    /// These rows were not made by Coffer: they are not journaled, and removed.
    std::function<void(const std::vector<Uuid>& event_ids)> forged;
    /// Somebody kept these rows and put them back: they are in the journal already, and removed.
    std::function<void(const std::vector<Uuid>& event_ids)> replayed;
    /// Rows of other nodes that were not made by Coffer, or are of a time to come. They stay where they are,
    /// and are told once.
    std::function<void(const std::vector<Uuid>& event_ids)> forged_of_others;
    /// Events of another node that it has not taken away for an hour. Each is told once.
    std::function<void(const std::string& node, std::size_t events)> left_by_other;
    /// Events that had been left behind are in the journal now.
    std::function<void(std::size_t events)> caught_up;
    std::function<void(const std::string& reason)> failed;
};

/// Thread-safe.
class ChangeOutbox {
public:
    /// `look_interval`: how often it looks for what was left behind, also by others.
    ChangeOutbox(storage::Database& database, audit::Journal& journal, const OutboxRows& rows,
                 OutboxEvents events, std::chrono::milliseconds look_interval = std::chrono::seconds(10));
    ~ChangeOutbox();
    ChangeOutbox(const ChangeOutbox&) = delete;
    ChangeOutbox& operator=(const ChangeOutbox&) = delete;

    /// Journals what the last run of this node left behind, then starts the thread. Blocks until `deadline`
    /// at most. Throws what the database and the journal throw.
    void open(Deadline deadline);

    /// A change with this event is under way: its row is not to be taken for one that was left behind.
    void expect(Uuid event_id);
    /// This event belongs to the same change: what is said of `event_id` from now on is said of it as well.
    void expect_along(Uuid event_id, Uuid companion);
    /// The event is durable in the journal.
    void journaled(Uuid event_id);
    /// Nobody waits for the change any more, whether it was committed or not. The journal was not told.
    void abandon(Uuid event_id);
    /// The same, after the journal was told and did not say that the event is durable.
    void abandon_appended(Uuid event_id);

    /// Ends the thread, journals what is in the table, and empties it, unless the database is away. No change
    /// is under way any more.
    void close();

private:
    class Pending;

    void run(const std::stop_token& stop);
    std::size_t catch_up(std::chrono::milliseconds age, Deadline deadline);
    void look_at_others();
    void remove_journaled();
    void remove(std::vector<Uuid> ids, JobOptions options);
    /// The event and its companions. Under the mutex.
    [[nodiscard]] std::vector<Uuid> take_with_companions(const Uuid& event_id);
    [[nodiscard]] bool is_under_way(const Uuid& event_id);
    enum class Told : std::uint8_t {
        no,              ///< the journal was not: this run made the event and gave it up
        maybe,           ///< by this run, or by the last one before it died
        nobody_here_did  ///< this run knows nothing of the event
    };
    /// Whether the journal may have been told of the event before now. From now on it may.
    [[nodiscard]] Told note_appending(const Uuid& event_id);

    storage::Database& database_;
    audit::Journal& journal_;
    const OutboxRows& rows_;
    const OutboxEvents events_;
    const std::chrono::milliseconds look_interval_;

    std::mutex mutex_;
    std::condition_variable_any stirred_;
    std::unordered_set<Uuid> under_way_;  ///< expected, and not removed or abandoned yet
    std::unordered_map<Uuid, std::vector<Uuid>> companions_;
    std::vector<Uuid> journaled_;  ///< those of them that can be removed
    /// Those that are not under way, and that the journal may have. Before the first catching up that are
    /// all.
    std::unordered_set<Uuid> maybe_journaled_;
    bool caught_up_ = false;
    /// Abandoned before the journal was told: the newest of them, and in their order.
    std::unordered_set<Uuid> given_up_;
    std::deque<Uuid> given_up_in_order_;
    std::unordered_set<Uuid> told_;  ///< of other nodes' rows; the thread's own
    std::jthread thread_;
};

}  // namespace coffer::secrets
