#include "storage/token_key_repository.hpp"

#include <fmt/format.h>

#include <pqxx/result>
#include <pqxx/transaction_base>

#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

std::vector<Statement> token_key_statements() {
    return {
        {"token_keys_all", fmt::format("SELECT generation, {}, retired, seal FROM token_keys WHERE purpose = "
                                       "'audit' ORDER BY generation",
                                       sql_unsealed_millis("created"))},
        {"token_keys_add",
         fmt::format("INSERT INTO token_keys (purpose, generation, created) VALUES ('audit', $1::int, {}) "
                     "ON CONFLICT DO NOTHING",
                     sql_time("$2"))},
        {"token_keys_retire",
         fmt::format(
             "INSERT INTO token_keys (purpose, generation, created, retired, seal) VALUES ('audit', $1::int, "
             "{}, true, $3::bytea) ON CONFLICT (purpose, generation) DO UPDATE SET retired = true, seal = "
             "excluded.seal",
             sql_time("$2"))},
        {"audit_signers_all",
         fmt::format("SELECT node, journal::text, generation, {} FROM audit_signers ORDER BY node",
                     sql_unsealed_millis("seen"))},
        {"audit_signers_put",
         fmt::format("INSERT INTO audit_signers (node, journal, generation, seen) VALUES ($1, $2::uuid, "
                     "$3::int, {}) ON CONFLICT (node) DO UPDATE SET journal = excluded.journal, "
                     "generation = excluded.generation, seen = excluded.seen",
                     sql_time("$4"))},
    };
}

Bytes retirement_message(std::string_view purpose, std::uint32_t generation) {
    return CanonicalEncoder("coffer/seal/retired-token-key/v1").text(purpose).number(generation).take();
}

std::vector<StoredAuditKey> TokenKeyRepository::audit_keys(ReadTransaction& tx) {
    std::vector<StoredAuditKey> keys;
    for (const auto& row : tx.sql().exec_prepared("token_keys_all")) {
        in_row_or_without_it(tx, {"token_keys", {"audit", row[0].c_str()}}, [&] {
            keys.push_back({generation_of(row[0]), time_of(row[1]), flag_of(row[2]),
                            row[3].is_null() ? Bytes() : bytes_of(row[3])});
        });
    }
    return keys;
}

void TokenKeyRepository::add_audit_key(WriteTransaction& tx, const StoredAuditKey& key) {
    tx.sql().exec_prepared("token_keys_add", key.generation, key.created.millis());
}

void TokenKeyRepository::retire_audit_key(WriteTransaction& tx, std::uint32_t generation, Timestamp now) {
    const auto seal = tx.seals().make(retirement_message("audit", generation), tx.deadline());
    tx.sql().exec_prepared("token_keys_retire", generation, now.millis(), binary(seal));
}

std::vector<AuditSigner> TokenKeyRepository::signers(ReadTransaction& tx) {
    std::vector<AuditSigner> signers;
    for (const auto& row : tx.sql().exec_prepared("audit_signers_all")) {
        const bool is_unsigned = std::string_view(row[2].c_str()) == "0";  // as put_signer() stores it
        const auto generation =
            is_unsigned ? 0 : generation_or_none(tx, {"audit_signers", {row[0].c_str()}}, row[2]);
        signers.push_back({row[0].c_str(), uuid_of(row[1]), generation, time_of(row[3])});
    }
    return signers;
}

void TokenKeyRepository::put_signer(WriteTransaction& tx, const AuditSigner& signer) {
    tx.sql().exec_prepared("audit_signers_put", storable("node", signer.node), signer.journal.text(),
                           signer.generation, signer.seen.millis());
}

}  // namespace coffer::storage
