#pragma once
// The newest revocation list of each authority that this node has seen, and how the next one is made.

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/certificates/authority.hpp"
#include "storage/certificate_repository.hpp"
#include "storage/transaction.hpp"

namespace coffer::certificates {

/// Thread-safe.
class RevocationLists {
public:
    /// How far the clocks of a node and of the database may be apart when a list is signed.
    static constexpr std::chrono::minutes kClocksApart{5};

    /// Begins with the lists in the authorities' files, where there are any (DER or PEM): what they have is
    /// kept, also when the database has an older one. Throws Error for a file that holds something else.
    explicit RevocationLists(Authorities authorities, std::chrono::milliseconds clocks_apart = kClocksApart);

    [[nodiscard]] const Authorities& authorities() const noexcept { return authorities_; }

    struct Next {
        Bytes list;  ///< DER
        ListTimes times{};
        std::string number;  ///< hexadecimal
        std::size_t entries = 0;
    };
    /// Makes and stores the list after the newest one, with `added`, in a transaction that keeps other nodes
    /// from doing so at the same time. In it is as well whatever any list has had that this node saw, and
    /// whatever the database says is revoked. Blocks for the token. To be adopted once the transaction is
    /// committed. Throws IntegrityError when the stored list is not the authority's, CertificateError, and
    /// Error when the clock is far from the database's.
    [[nodiscard]] Next make_next(storage::WriteTransaction& tx, const Authority& authority,
                                 const std::vector<Revocation>& added, Timestamp now) const;

    /// A list that was read or made. The newest one is kept, and of all others the entries that it lacks.
    /// False for one that is not the authority's.
    bool adopt(const Authority& authority, const Bytes& list);
    /// The same for one that this node made. Throws CertificateError in place of false.
    void adopt_made(const Authority& authority, const Bytes& list);

    /// DER; nothing while there is none.
    [[nodiscard]] std::optional<Bytes> newest(std::string_view authority) const;
    [[nodiscard]] std::optional<ListTimes> times(std::string_view authority) const;
    /// Whether a signed list that this node has seen has it.
    [[nodiscard]] bool is_revoked(std::string_view authority, const Bytes& serial) const;
    /// Whether this node has seen a list or an entry that the one in the database, `stored`, does not have:
    /// the next one has to be made at once.
    [[nodiscard]] bool is_ahead_of(std::string_view authority,
                                   const std::optional<storage::StoredRevocationList>& stored) const;

private:
    using Entries = std::map<Bytes, Revocation>;  ///< by serial number
    struct Held {
        Bytes list;
        Bytes number;
        ListTimes times{};
        Entries entries{};
        Entries owed{};  ///< of other lists, and not in this one
    };
    [[nodiscard]] Held held_of(std::string_view authority) const;
    void require_same_time(storage::WriteTransaction& tx, Timestamp now) const;

    const Authorities authorities_;
    const std::chrono::milliseconds clocks_apart_;
    mutable std::mutex mutex_;
    std::map<std::string, Held, std::less<>> held_;
};

/// The list in the authority's crl_file; nothing where there is no file, or an empty one. Throws Error for a
/// file that cannot be read or holds something else.
[[nodiscard]] CrlPtr read_list_file(const Authority& authority);

}  // namespace coffer::certificates
