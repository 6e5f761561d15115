#pragma once
// Secrets in their tables: one aggregate (secret, versions, labels, tags) under one seal. Stateless: every
// call names its transaction. Seals are checked before a record is returned (IntegrityError otherwise) and
// made anew by every change.

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/outcome.hpp"
#include "storage/records.hpp"
#include "storage/transaction.hpp"

namespace coffer::storage {

enum class SortKey : std::uint8_t { created, last_accessed, last_changed, name };

/// Where a listing goes on: behind the secret with this sort value and id. `time` for the time keys (nothing:
/// never accessed, which sorts before every day), `name` for names. By creation or name, which never change,
/// a secret that is there throughout is returned exactly once, whatever changes meanwhile. By last change or
/// last access, a secret whose sort value changes between two pages may be returned again or passed over.
struct ListCursor {
    std::optional<Timestamp> time;
    std::string name;
    SecretId id;
};

struct ListQuery {
    SortKey sort_by = SortKey::created;
    bool descending = false;
    bool include_deleted = false;
    /// Only names that begin with one of these (literally; no wildcards). Empty: all names.
    std::vector<std::string> name_prefixes;
    std::optional<ListCursor> after;
    /// Rows to read, 1 to 1000.
    std::size_t limit = 100;
    /// Asked for each row before its seal is checked (a check costs a call of the token, and a row that is
    /// not shown need not be believed). Empty: all rows match.
    std::function<bool(const StoredSecret&)> matches;
};

struct ListResult {
    /// The matching secrets among the rows read, in order. A row whose seal is broken is reported to the
    /// DatabaseObserver and left out: one altered row must not hide the others.
    std::vector<StoredSecret> secrets;
    /// Behind the last row read; nothing when there are no more rows.
    std::optional<ListCursor> next;
    /// Rows read.
    std::size_t scanned = 0;
};

class SecretRepository {
public:
    [[nodiscard]] static std::optional<StoredSecret> find(ReadTransaction& tx, const std::string& name);
    /// Many secrets in one statement, in the order of `names`; an IntegrityError in the place of each whose
    /// row was altered. With `value_of`, the value of the version that has this label comes along, unless it
    /// is longer than `kLongestValueAlong` or there is none.
    [[nodiscard]] static std::vector<Outcome<LoadedSecret>> find_all(
        ReadTransaction& tx, const std::vector<std::string>& names,
        const std::optional<StagingLabel>& value_of);
    /// Bytes of ciphertext, so that one statement's result stays small.
    static constexpr std::size_t kLongestValueAlong = std::size_t{16} * 1024;

    /// Locks the secret's row until the end of the transaction. `known` is what the caller has of it already:
    /// unless it has changed since, its seal is not checked a second time.
    [[nodiscard]] static std::optional<StoredSecret> lock(WriteTransaction& tx, const std::string& name,
                                                          const StoredSecret* known = nullptr);

    /// A version's payload; nothing when the version does not exist or has no value.
    [[nodiscard]] static std::optional<StoredPayload> payload(ReadTransaction& tx, SecretId secret,
                                                              const VersionId& version);

    /// Stores a new secret with the payloads of its versions. False, and nothing stored, when the name is
    /// taken (waits for a concurrent creator of the same name to commit or roll back).
    [[nodiscard]] static bool insert(WriteTransaction& tx, const StoredSecret& secret,
                                     const std::vector<std::pair<VersionId, StoredPayload>>& payloads);

    /// Stores `changed`, which was got from lock() in this transaction: columns, tags, versions added or
    /// gone (their payloads go with them), labels. `payloads` holds those of new versions and of versions
    /// whose value is encrypted anew. Raises the revision and makes the seal.
    static void update(WriteTransaction& tx, StoredSecret changed,
                       const std::vector<std::pair<VersionId, StoredPayload>>& payloads);

    /// The wrapped data keys of all its versions; to have the token forget them when it is deleted.
    [[nodiscard]] static std::vector<Bytes> wrapped_keys(ReadTransaction& tx, SecretId secret);

    /// The same for a secret that was not locked, but seen in this state some time ago: a statement less.
    /// False, and nothing stored, when the row has another revision by now, or the change needs the lock
    /// (several new values at once). Waits for a transaction that has the row locked. What else somebody
    /// altered in the row by hand is overwritten, or found by its seal at the next read.
    [[nodiscard]] static bool update_as_seen(
        WriteTransaction& tx, const StoredSecret& seen, StoredSecret changed,
        const std::vector<std::pair<VersionId, StoredPayload>>& payloads);

    /// Deletes the secret that lock() gave, its versions and payloads, for good.
    static void purge(WriteTransaction& tx, const StoredSecret& locked);

    /// Secrets in the order asked for, behind the cursor: `query.limit` rows, of which those that match.
    [[nodiscard]] static ListResult list(ReadTransaction& tx, const ListQuery& query);

    /// A secret that has a policy of its own; in its place, when its row was altered, the IntegrityError that
    /// was reported of it.
    struct WithPolicy {
        std::string name;
        Outcome<StoredSecret> secret;
    };
    /// Those that are not scheduled for deletion, by name, behind `after` (empty: from the first), at most
    /// `limit`, 1 to 1000. Whose row says that it has none is not read, and not checked.
    [[nodiscard]] static std::vector<WithPolicy> list_with_policy(ReadTransaction& tx,
                                                                  const std::string& after,
                                                                  std::size_t limit);
    /// Those whose policy may have one of `texts` in it, literally or with escapes of JSON, or means a
    /// principal in whose ARN or unique id one of them is, as its row says;
    /// also those that are scheduled for deletion, which can be restored. Otherwise the same.
    [[nodiscard]] static std::vector<WithPolicy> list_with_policy_about(ReadTransaction& tx,
                                                                        const std::vector<std::string>& texts,
                                                                        const std::string& after,
                                                                        std::size_t limit);

    /// Names of secrets whose deletion was due at `now`, at most `limit`, longest due first.
    [[nodiscard]] static std::vector<std::string> due_for_purge(ReadTransaction& tx, Timestamp now,
                                                                std::size_t limit);

    [[nodiscard]] static std::int64_t count(ReadTransaction& tx);

    /// Days on which versions were last read. Takes no lock that a writer would wait for, makes no seal,
    /// never moves a day back; versions that are gone are passed over.
    struct Access {
        SecretId secret;
        VersionId version;
        Timestamp day;
        std::string principal{};  ///< one who read it; empty: not known
    };
    static void record_accesses(WriteTransaction& tx, const std::vector<Access>& accesses);
};

}  // namespace coffer::storage
