#pragma once
// The newest revocation list of each authority that this node has seen, and how the next one is made.

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
    /// Begins with the lists in the authorities' files, where there are any: those rule over an older one in
    /// the database. A file that holds something else is passed over.
    explicit RevocationLists(Authorities authorities);

    [[nodiscard]] const Authorities& authorities() const noexcept { return authorities_; }

    struct Next {
        Bytes list;  ///< DER
        ListTimes times{};
        std::string number;  ///< hexadecimal
        std::size_t entries = 0;
    };
    /// Makes and stores the list after the newest one, with `added`, in a transaction that keeps other nodes
    /// from doing so at the same time. Whatever the database says is revoked is in it as well. Blocks for the
    /// token. To be adopted once the transaction is committed. Throws IntegrityError when the stored list is
    /// not the authority's, and CertificateError.
    [[nodiscard]] Next make_next(storage::WriteTransaction& tx, const Authority& authority,
                                 const std::vector<Revocation>& added, Timestamp now) const;

    /// A list that was read or made: kept when it is the authority's and newer than what is there. False for
    /// one that is not the authority's.
    bool adopt(const Authority& authority, const Bytes& list);

    /// DER; nothing while there is none.
    [[nodiscard]] std::optional<Bytes> newest(std::string_view authority) const;

private:
    struct Held {
        Bytes list;
        Bytes number;
    };
    const Authorities authorities_;
    mutable std::mutex mutex_;
    std::map<std::string, Held, std::less<>> held_;
};

}  // namespace coffer::certificates
