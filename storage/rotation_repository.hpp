#pragma once
// Rotations that are due and how far they are: the queue that the workers of all nodes share. Not sealed;
// what is to be rotated, by what and when is in the sealed secret (StoredRotation).

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/records.hpp"
#include "storage/transaction.hpp"

namespace coffer::storage {

/// The steps of a rotation, in their order. The numbers are stored.
enum class RotationStep : std::uint8_t { create = 1, set = 2, test = 3, finish = 4 };

/// What there is to do about one secret.
struct RotationTask {
    SecretId secret;
    std::string name;  ///< the secret's
    /// What the secret says, which is not checked here; nothing while rotation was never configured.
    std::optional<std::string> function{};
    /// When a worker may take it; nothing: not by itself.
    std::optional<Timestamp> due{};
    /// Only the login is tried. Of one that is over (without a version): the last one was such, and failed.
    bool test_only = false;
    /// The version that the rotation under way makes; nothing between rotations.
    std::optional<VersionId> version{};
    RotationStep step = RotationStep::create;
    std::int64_t attempt = 0;
    std::optional<Timestamp> started{};
    std::optional<Timestamp> last_attempt{};
    std::optional<std::string> last_error{};
    bool failed = false;
    bool paused = false;
    /// Who has it, while it has it.
    std::optional<std::string> node{};
    /// Whose turn it is: writes of an earlier turn are refused.
    std::int64_t fence = 0;
    /// The version whose value was sent to be exchanged for a new one, and may be used up.
    std::optional<VersionId> spent{};
    /// setSecret was begun, so that the target may have the value of `version`.
    bool told = false;
    /// Versions whose values the target may have since rotations that were not finished, the newest first.
    std::vector<VersionId> left_behind{};
};

/// A rotation that ended.
struct RotationRun {
    VersionId version;
    Timestamp started;
    Timestamp ended;
    std::string outcome;  ///< "Succeeded", "Failed", "Abandoned"
    RotationStep step = RotationStep::create;
    std::int64_t attempts = 0;
    std::optional<std::string> message{};
};

class RotationRepository {
public:
    static constexpr std::size_t kRunsKept = 50;
    /// More would lock users out that nothing helps: each is a login that is refused. More than one there are
    /// when it is not known either what became of the rotation after.
    static constexpr std::size_t kLeftBehindKept = 3;

    /// Begins anew: whoever had it loses it. What is set is `due`, `test_only`, `version`, `step`; `started`
    /// is `now`; paused and left_behind stay as they are, and of a version that was left behind the target
    /// was told.
    static void begin(WriteTransaction& tx, const RotationTask& task, Timestamp now);
    /// Sets when it is due, if no rotation is under way. Makes the row where there is none.
    static void set_due(WriteTransaction& tx, SecretId secret, std::optional<Timestamp> due);
    /// A rotation that is under way has no reason any more to wait for its next try.
    static void hasten(WriteTransaction& tx, SecretId secret, Timestamp now);

    /// Takes up to `limit` that are due at `now` and that nobody has, the longest due first, for `lease`.
    /// Those of deleted secrets and paused ones stay where they are; all do while everything is paused. So do
    /// those of the functions `full`, by their ARNs, whatever version or alias stands behind the name.
    [[nodiscard]] static std::vector<RotationTask> claim(WriteTransaction& tx, Timestamp now,
                                                         std::size_t limit, const std::string& node,
                                                         std::chrono::seconds lease,
                                                         const std::vector<std::string>& full = {});
    /// Lengthens the lease. False when it was given back, or somebody else has it by now.
    [[nodiscard]] static bool renew(WriteTransaction& tx, const RotationTask& task,
                                    std::chrono::seconds lease);
    /// Stores due, version, step, attempt, times, error, failed and told of a task that was claimed; with
    /// `release` others may take it then.
    enum class Saved : std::uint8_t {
        done,
        paused,  ///< stored, and no further step is to be begun
        lost     ///< not stored: somebody else has it by now
    };
    [[nodiscard]] static Saved save(WriteTransaction& tx, const RotationTask& task, bool release);

    /// Stores `task.spent`. False, and nothing stored, when somebody else has it by now.
    [[nodiscard]] static bool save_spent(WriteTransaction& tx, const RotationTask& task);

    /// The first of `left_behind` from now on is `version`; the oldest go that are over kLeftBehindKept.
    static void leave_behind(WriteTransaction& tx, SecretId secret, const VersionId& version);
    /// What the target has is known, or somebody has seen to it.
    static void clear_left_behind(WriteTransaction& tx, SecretId secret);
    /// `left_behind`, without the rest.
    [[nodiscard]] static std::vector<VersionId> left_behind(ReadTransaction& tx, SecretId secret);

    /// Adds to the history, and removes what is over kRunsKept.
    static void add_run(WriteTransaction& tx, SecretId secret, const RotationRun& run);
    /// The newest first.
    [[nodiscard]] static std::vector<RotationRun> runs(ReadTransaction& tx, SecretId secret);

    [[nodiscard]] static std::optional<RotationTask> find(ReadTransaction& tx, SecretId secret);
    /// By name, behind the name `after`, at most `limit`; without those of secrets that are marked for
    /// deletion.
    [[nodiscard]] static std::vector<RotationTask> list(ReadTransaction& tx, const std::string& after,
                                                        std::size_t limit);

    /// A secret of the group begins to rotate at `now`, or is changed at its target, unless that was so of
    /// one less than `apart` ago, and not at `own`: then the time at which one may again, and nothing is
    /// changed.
    [[nodiscard]] static std::optional<Timestamp> take_turn(WriteTransaction& tx, const std::string& group,
                                                            Timestamp now, std::chrono::milliseconds apart,
                                                            std::optional<Timestamp> own = std::nullopt);
    /// The time of the group's last turn; nothing when it never had one.
    [[nodiscard]] static std::optional<Timestamp> last_turn(ReadTransaction& tx, const std::string& group);
    /// The turn that was taken at `taken`, and is the last, came to nothing: that at `before` is the last.
    static void give_turn_back(WriteTransaction& tx, const std::string& group, Timestamp taken,
                               Timestamp before);

    static void pause(WriteTransaction& tx, SecretId secret, bool paused);
    static void pause_all(WriteTransaction& tx, bool paused);
    /// Whether pause_all() holds everything.
    [[nodiscard]] static bool all_paused(ReadTransaction& tx);

    /// For metrics. Secrets that are marked for deletion count as `running` alone.
    struct Counts {
        std::int64_t due = 0;
        std::int64_t running = 0;
        std::int64_t failed = 0;
        std::optional<Timestamp> oldest_due{};
        bool all_paused = false;
        /// Secrets whose window is over, and that were not rotated in it: whatever the reason.
        std::int64_t late = 0;
    };
    [[nodiscard]] static Counts counts(ReadTransaction& tx, Timestamp now);
};

}  // namespace coffer::storage
