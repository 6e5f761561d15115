#pragma once
// What was used, as the tables have it: statistics beside the sealed rows. They decide nothing and are not
// sealed, so an intruder with the database can falsify them.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/transaction.hpp"

namespace coffer::storage {

struct UsageTally {
    std::int64_t requests = 0;
    std::int64_t errors = 0;  ///< of `requests`
    std::int64_t rotations = 0;

    UsageTally& operator+=(const UsageTally& other) {
        requests += other.requests;
        errors += other.errors;
        rotations += other.rotations;
        return *this;
    }
};

/// What was counted for one thing on one UTC day.
struct UsageCount {
    Timestamp day;
    std::string key;
    std::string part{};  ///< of the key: counted apart
    UsageTally tally;
};

/// UTC days: from the first, to before the second.
struct DayRange {
    Timestamp from;
    Timestamp until;
};

/// What a line of a usage report adds up.
struct UsageSum {
    std::string key{};  ///< principal, operation or tag value; empty for a total
    std::int64_t requests = 0;
    std::int64_t errors = 0;
    std::int64_t rotations = 0;
    std::int64_t secret_days = 0;     ///< without the next
    std::int64_t scheduled_days = 0;  ///< of secrets scheduled for deletion
};

/// All of a range.
struct UsageTotal {
    UsageSum sum;
    std::int64_t counted_days = 0;  ///< days on which secrets were counted
};

/// A secret that was created and last read before a day.
struct UnusedSecret {
    std::string name;
    std::string arn;
    Timestamp created;
    std::optional<Timestamp> last_accessed{};     ///< UTC day
    std::optional<std::string> last_principal{};  ///< one who read it on that day
};

/// An operation that somebody was served.
struct UsedOperation {
    /// ARN; of a session of a role without the session's name.
    std::string principal;
    std::string operation;
};

struct UsedOperations {
    /// The first UTC day that has counts; nothing while there are none.
    std::optional<Timestamp> since;
    /// Each once.
    std::vector<UsedOperation> operations;
};

class UsageRepository {
public:
    /// Tag keys of a day's snapshot, those on most secrets first, and values of one key. A tag with more
    /// values names secrets and no cost centre.
    static constexpr std::size_t kMostTagKeys = 100;
    static constexpr std::size_t kMostTagValues = 1'000;

    enum class By : std::uint8_t { principal, operation };

    /// Adds to what `node` has counted already: requests, by principal and (part) operation.
    static void add_requests(WriteTransaction& tx, const std::string& node,
                             const std::vector<UsageCount>& counts);
    /// Requests for secrets, and rotations, by the secret's ARN: added up for each tag that the secret has
    /// now and that the last snapshot kept.
    static void add_by_tag(WriteTransaction& tx, const std::string& node,
                           const std::vector<UsageCount>& counts);
    /// Rotations, by principal.
    static void add_rotations(WriteTransaction& tx, const std::string& node,
                              const std::vector<UsageCount>& counts);

    /// A day's secrets are counted so often, and the last count is the day's.
    static constexpr std::chrono::minutes kCountEvery{60};
    /// Counts the secrets for the day of `now`, as they are, unless that was done within kCountEvery, by
    /// whichever node. True when it did. Reads the whole table of secrets: let it take as long as its
    /// deadline.
    static bool take_snapshot(WriteTransaction& tx, const std::string& node, Timestamp now);

    /// Removes what is older than `day`.
    static void forget_before(WriteTransaction& tx, Timestamp day);

    [[nodiscard]] static UsageTotal total(ReadTransaction& tx, const DayRange& days);
    /// Of requests for secrets and of rotations, with tags or without: what the lines of a tag are parts of.
    [[nodiscard]] static UsageTally total_of_secrets(ReadTransaction& tx, const DayRange& days);
    /// The `most` with the most requests, most first, by key where equal. Of principals with their rotations.
    [[nodiscard]] static std::vector<UsageSum> requests_by(ReadTransaction& tx, By by, const DayRange& days,
                                                           std::size_t most);
    /// The values of a tag with the most secret-days, most first, then by requests.
    [[nodiscard]] static std::vector<UsageSum> sums_by_tag(ReadTransaction& tx, const std::string& tag_key,
                                                           const DayRange& days, std::size_t most);

    /// What was answered without an error since the UTC day `from`.
    [[nodiscard]] static UsedOperations used_operations(ReadTransaction& tx, Timestamp from);

    /// Up to `most` secrets by name, after the name `after`; without those scheduled for deletion.
    [[nodiscard]] static std::vector<UnusedSecret> unused_since(ReadTransaction& tx, Timestamp day,
                                                                const std::string& after, std::size_t most);
};

}  // namespace coffer::storage
