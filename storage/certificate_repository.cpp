#include "storage/certificate_repository.hpp"

#include <fmt/format.h>

#include <pqxx/result>
#include <pqxx/transaction_base>

#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

namespace {

std::string certificate_columns() {
    return fmt::format(
        "authority, issuer, serial, function, secret_arn, secret_name, version_id, names, {}, {}, {}, "
        "revoke_superseded, {}, reason",
        sql_unsealed_millis("issued"), sql_unsealed_millis("not_before"), sql_unsealed_millis("not_after"),
        sql_unsealed_millis("revoked"));
}

IssuedCertificate read_certificate(const pqxx::row& row) {
    return {.authority = row[0].c_str(),
            .issuer = row[1].c_str(),
            .serial = row[2].c_str(),
            .function = row[3].c_str(),
            .secret_arn = row[4].c_str(),
            .secret_name = row[5].c_str(),
            .version = VersionId(row[6].c_str()),
            .names = row[7].c_str(),
            .issued = time_of(row[8]),
            .not_before = time_of(row[9]),
            .not_after = time_of(row[10]),
            .revoke_superseded = flag_of(row[11]),
            .revoked = optional_time(row[12]),
            .reason = optional_text(row[13])};
}

std::vector<IssuedCertificate> read_certificates(const pqxx::result& rows) {
    std::vector<IssuedCertificate> all;
    for (const auto& row : rows) all.push_back(read_certificate(row));
    return all;
}

std::optional<StoredRevocationList> read_list(const pqxx::result& rows) {
    if (rows.empty() || rows.front()[0].is_null()) return std::nullopt;
    return StoredRevocationList{bytes_of(rows.front()[0]), time_of(rows.front()[1])};
}

}  // namespace

std::vector<Statement> certificate_statements() {
    const auto columns = certificate_columns();
    const auto list_columns = fmt::format("list, {}", sql_unsealed_millis("next_update"));
    return {
        {"certificate_add",
         fmt::format("INSERT INTO issued_certificates (authority, serial, function, secret_arn, secret_name, "
                     "version_id, names, issued, not_before, not_after, revoke_superseded, issuer) VALUES "
                     "($1, $2, $3, $4, $5, $6, $7, {}, {}, {}, $11::boolean, $12)",
                     sql_time("$8"), sql_time("$9"), sql_time("$10"))},
        {"certificate_list",
         fmt::format("SELECT {} FROM issued_certificates WHERE ($1::text IS NULL OR authority = $1) "
                     // Beyond the last time a page would not know where the next one begins.
                     "AND ($2::text IS NULL OR secret_arn = $2) AND not_after <= {} "
                     "AND ($3::bigint IS NULL OR not_after > {}) AND ($4::bigint IS NULL OR not_after <= {}) "
                     "AND ($5::bigint IS NULL OR (not_after, authority, serial, issuer) > ({}, $6, $7, $8)) "
                     "ORDER BY not_after, authority, serial, issuer LIMIT $9::bigint",
                     columns, kLastTime, sql_time("$3"), sql_time("$4"), sql_time("$5"))},
        {"certificate_find",
         fmt::format("SELECT {} FROM issued_certificates WHERE serial = $1 ORDER BY authority, issuer",
                     columns)},
        {"certificate_superseded",
         fmt::format("SELECT {} FROM issued_certificates c WHERE revoke_superseded AND revoked IS NULL "
                     "AND authority = $1 AND serial > $2 AND not_after > {} AND NOT EXISTS "
                     "(SELECT 1 FROM secrets s JOIN staging_labels l ON l.secret_id = s.id "
                     "WHERE s.name = c.secret_name AND s.arn = c.secret_arn AND l.version_id = c.version_id "
                     "AND l.label IN ('AWSCURRENT', 'AWSPREVIOUS', 'AWSPENDING')) "
                     "ORDER BY serial LIMIT $4::bigint",
                     columns, sql_time("$3"))},
        {"certificate_revoked",
         fmt::format("SELECT {} FROM issued_certificates WHERE authority = $1 AND revoked IS NOT NULL",
                     columns)},
        {"certificate_mark_revoked",
         fmt::format("UPDATE issued_certificates SET revoked = {}, reason = $4 WHERE authority = $1 "
                     "AND serial = $2 AND revoked IS NULL",
                     sql_time("$3"))},
        {"certificate_forget",
         fmt::format("DELETE FROM issued_certificates WHERE not_after < {} AND (revoked IS NULL OR revoked "
                     "< {})",
                     sql_time("$1"), sql_time("$2"))},
        {"certificate_clock", fmt::format("SELECT {}", sql_unsealed_millis("clock_timestamp()"))},
        {"crl_find",
         fmt::format("SELECT {} FROM certificate_revocation_lists WHERE authority = $1", list_columns)},
        {"crl_begin",
         "INSERT INTO certificate_revocation_lists (authority) VALUES ($1) ON CONFLICT (authority) DO "
         "NOTHING"},
        {"crl_lock",
         fmt::format("SELECT {} FROM certificate_revocation_lists WHERE authority = $1 FOR UPDATE",
                     list_columns)},
        {"crl_store",
         fmt::format(
             "UPDATE certificate_revocation_lists SET list = $2, next_update = {} WHERE authority = $1",
             sql_time("$3"))},
    };
}

void CertificateRepository::add(WriteTransaction& tx, const IssuedCertificate& certificate) {
    tx.sql().exec_prepared("certificate_add", certificate.authority, certificate.serial, certificate.function,
                           certificate.secret_arn, certificate.secret_name, certificate.version.value(),
                           storable("names", certificate.names), certificate.issued.millis(),
                           certificate.not_before.millis(), certificate.not_after.millis(),
                           certificate.revoke_superseded, certificate.issuer);
}

std::vector<IssuedCertificate> CertificateRepository::list(ReadTransaction& tx, const Filter& filter,
                                                           const std::optional<Position>& after,
                                                           std::size_t limit) {
    const auto ends_after = millis_text(filter.ends_after);
    const auto ends_by = millis_text(filter.ends_by);
    std::optional<std::string> from_end;
    if (after) from_end = std::to_string(after->not_after.millis());
    return read_certificates(tx.sql().exec_prepared(
        "certificate_list", nullable(filter.authority), nullable(filter.secret_arn), nullable(ends_after),
        nullable(ends_by), nullable(from_end), after ? after->authority : std::string(),
        after ? after->serial : std::string(), after ? after->issuer : std::string(), limit));
}

std::vector<IssuedCertificate> CertificateRepository::find(ReadTransaction& tx, const std::string& serial) {
    return read_certificates(tx.sql().exec_prepared("certificate_find", serial));
}

std::vector<IssuedCertificate> CertificateRepository::superseded(ReadTransaction& tx,
                                                                 const std::string& authority, Timestamp now,
                                                                 const std::string& after,
                                                                 std::size_t limit) {
    return read_certificates(
        tx.sql().exec_prepared("certificate_superseded", authority, after, now.millis(), limit));
}

std::vector<IssuedCertificate> CertificateRepository::revoked(ReadTransaction& tx,
                                                              const std::string& authority) {
    return read_certificates(tx.sql().exec_prepared("certificate_revoked", authority));
}

void CertificateRepository::mark_revoked(WriteTransaction& tx, const std::string& authority,
                                         const std::string& serial, Timestamp when,
                                         const std::string& reason) {
    tx.sql().exec_prepared("certificate_mark_revoked", authority, serial, when.millis(), reason);
}

void CertificateRepository::forget(WriteTransaction& tx, Timestamp before, Timestamp revoked_before) {
    tx.sql().exec_prepared("certificate_forget", before.millis(), revoked_before.millis());
}

Timestamp CertificateRepository::clock(ReadTransaction& tx) {
    return time_of(tx.sql().exec_prepared1("certificate_clock")[0]);
}

std::optional<StoredRevocationList> CertificateRepository::list_of(ReadTransaction& tx,
                                                                   const std::string& authority) {
    return read_list(tx.sql().exec_prepared("crl_find", authority));
}

std::optional<StoredRevocationList> CertificateRepository::lock_list(WriteTransaction& tx,
                                                                     const std::string& authority) {
    tx.sql().exec_prepared("crl_begin", authority);
    return read_list(tx.sql().exec_prepared("crl_lock", authority));
}

void CertificateRepository::store_list(WriteTransaction& tx, const std::string& authority,
                                       const StoredRevocationList& list) {
    tx.sql().exec_prepared("crl_store", authority, binary(list.list), list.next_update.millis());
}

}  // namespace coffer::storage
