#pragma once
// Certificates that rotations have issued, and the authorities' revocation lists. Not sealed: the lists are
// signed by their authorities.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/records.hpp"
#include "storage/transaction.hpp"

namespace coffer::storage {

struct IssuedCertificate {
    /// Its name in the configuration; empty: an external one.
    std::string authority;
    /// SHA-256 of the issuer's name (DER), hexadecimal.
    std::string issuer;
    /// Hexadecimal, of whole bytes, without leading zeros.
    std::string serial;
    /// The rotation function's name.
    std::string function;
    std::string secret_arn;
    std::string secret_name;
    VersionId version;
    /// For people.
    std::string names;
    Timestamp issued;
    Timestamp not_before;
    Timestamp not_after;
    /// To be revoked when no rotation needs its version any more.
    bool revoke_superseded = false;
    /// Both or neither.
    std::optional<Timestamp> revoked{};
    std::optional<std::string> reason{};
};

/// A signed list, DER.
struct StoredRevocationList {
    Bytes list;
    Timestamp next_update;
};

class CertificateRepository {
public:
    static void add(WriteTransaction& tx, const IssuedCertificate& certificate);

    /// Where a list of certificates goes on: behind this one.
    struct Position {
        Timestamp not_after;
        std::string authority;
        std::string serial;
        std::string issuer;
    };
    struct Filter {
        std::optional<std::string> authority{};
        std::optional<std::string> secret_arn{};
        /// Only those that end after `ends_after` and not after `ends_by`.
        std::optional<Timestamp> ends_after{};
        std::optional<Timestamp> ends_by{};
    };
    /// By their end, behind `after`, at most `limit`.
    [[nodiscard]] static std::vector<IssuedCertificate> list(ReadTransaction& tx, const Filter& filter,
                                                             const std::optional<Position>& after,
                                                             std::size_t limit);
    /// Of every authority and issuer that has one with this serial number.
    [[nodiscard]] static std::vector<IssuedCertificate> find(ReadTransaction& tx, const std::string& serial);
    /// Those of `authority` that are to be revoked once they are superseded, are not, end after `now`, and
    /// whose version has no label of AWS's any more, as far as can be seen without the secret's seal; by
    /// serial number, behind `after`, at most `limit`.
    [[nodiscard]] static std::vector<IssuedCertificate> superseded(ReadTransaction& tx,
                                                                   const std::string& authority,
                                                                   Timestamp now, const std::string& after,
                                                                   std::size_t limit);
    /// All that are revoked, of `authority`.
    [[nodiscard]] static std::vector<IssuedCertificate> revoked(ReadTransaction& tx,
                                                                const std::string& authority);
    /// Those that are revoked already stay as they are.
    static void mark_revoked(WriteTransaction& tx, const std::string& authority, const std::string& serial,
                             Timestamp when, const std::string& reason);

    /// Removes those of all authorities that ended before `before`. Those that were revoked are kept until
    /// `revoked_before`, too: entries of revocation lists stay when it is not known when they end.
    static void forget(WriteTransaction& tx, Timestamp before, Timestamp revoked_before);

    /// What the database's clock says.
    [[nodiscard]] static Timestamp clock(ReadTransaction& tx);

    /// Nothing while there is none.
    [[nodiscard]] static std::optional<StoredRevocationList> list_of(ReadTransaction& tx,
                                                                     const std::string& authority);
    /// The same, and keeps everybody else from making the next one until the end of the transaction.
    [[nodiscard]] static std::optional<StoredRevocationList> lock_list(WriteTransaction& tx,
                                                                       const std::string& authority);
    static void store_list(WriteTransaction& tx, const std::string& authority,
                           const StoredRevocationList& list);
};

}  // namespace coffer::storage
