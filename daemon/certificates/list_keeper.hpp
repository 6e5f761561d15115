#pragma once
// Keeps revocation lists fresh, in the database and in files, and revokes what was superseded.

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/round_thread.hpp"
#include "daemon/certificates/revocation_lists.hpp"
#include "daemon/secrets/audit_trail.hpp"
#include "storage/database.hpp"

namespace coffer::certificates {

struct KeeperParts {
    RevocationLists& lists;
    storage::Database& database;
    const Clock& clock;
    /// Null: no events are written.
    secrets::AuditTrail* trail = nullptr;
    /// The serial numbers (hexadecimal, as in the table) of the certificates in the values under AWSCURRENT,
    /// AWSPREVIOUS and AWSPENDING: a version that was put by hand may have the certificate of another one.
    /// Blocks; throws when one cannot be read. Empty: versions alone are looked at.
    std::function<std::set<std::string>(const storage::StoredSecret&)> serials_in_use{};
};

/// What operators want to know. Called on the keeper's thread; must not block or throw.
struct KeeperEvents {
    std::function<void(const std::string& authority, std::size_t entries)> signed_list;
    std::function<void(const std::string& secret, const std::string& serial)> superseded;
    std::function<void(const std::string& authority, const std::string& reason)> failed;
};

/// A thread on every node. The list's row is locked while the next one is made, and looked at again then, so
/// that of several nodes one does it.
class ListKeeper {
public:
    static constexpr std::chrono::seconds kInterval{5};
    /// What was superseded is looked for in every so many rounds: every certificate is looked at for that.
    static constexpr unsigned kSweepEvery = 6;
    /// How long after its end a certificate is remembered, and after it was revoked: longer than the longest
    /// life that the configuration allows.
    static constexpr std::chrono::hours kRemembered{24 * 400};
    static constexpr std::chrono::hours kRevokedRemembered{24 * (3'650 + 400)};
    /// The same failure is told again after so long.
    static constexpr std::chrono::hours kToldAgain{1};

    /// What `parts` refers to must outlive it. Nothing is begun before start().
    ListKeeper(KeeperParts parts, KeeperEvents events);
    ListKeeper(const ListKeeper&) = delete;
    ListKeeper& operator=(const ListKeeper&) = delete;

    void start();
    void stop() { thread_.stop(); }
    /// There may be something to do. Returns at once.
    void wake() noexcept { thread_.wake(); }
    /// One look, on the calling thread; for tests and the thread itself. Failures are told, not thrown.
    enum class Look : std::uint8_t { at_lists, at_everything };
    void run_once(Look look = Look::at_everything);
    /// When the list that is in the authority's crl_file was made, as far as is known.
    [[nodiscard]] std::optional<Timestamp> file_update(const std::string& authority) const;

private:
    /// A certificate that nothing needs any more, and its secret when that was seen.
    struct Gone {
        storage::IssuedCertificate certificate;
        storage::StoredSecret secret;
    };
    struct Page {
        std::vector<Gone> candidates;
        std::string last;  ///< serial number; empty: there are no more
    };
    struct Failure {
        std::string reason;
        std::chrono::steady_clock::time_point told;
    };
    void look_after(const Authority& authority, Look look);
    void tell_failure(const std::string& authority, const std::string& reason);
    void sign_next(const Authority& authority, std::vector<Gone> gone);
    /// Throws ChangedMeanwhile.
    void sign_once(const Authority& authority, const std::vector<Gone>& gone);
    /// Certificates whose version the sealed secret does not need any more, and that are in none of the
    /// values that it does. Those of a secret that is not there are not: whoever deletes a row revokes
    /// nothing.
    [[nodiscard]] std::vector<Gone> superseded(const Authority& authority) const;
    [[nodiscard]] Page superseded_page(const Authority& authority, const std::string& after) const;
    void write_file(const Authority& authority);

    const KeeperParts parts_;
    const KeeperEvents events_;
    std::map<std::string, Failure> failures_;  ///< by authority; the thread's own
    mutable std::mutex mutex_;
    std::map<std::string, Timestamp> files_;  ///< by authority
    RoundThread thread_;                      // last: it uses the others
};

}  // namespace coffer::certificates
