#include "daemon/keys/audit_generations.hpp"

#include <fmt/format.h>

#include "daemon/secrets/errors.hpp"
#include "storage/master_key_repository.hpp"

namespace coffer::keys {

using storage::MasterKeyRepository;
using storage::StoredAuditKey;
using storage::TokenKeyRepository;

namespace {

std::uint32_t newest_of(const std::vector<StoredAuditKey>& told) {
    return told.empty() ? 0 : told.back().generation;
}

std::uint32_t newest_held(crypto::Hsm& hsm) {
    const auto held = hsm.audit_key().generations();
    return held.empty() ? 0 : held.back().generation;
}

/// All of them where none was told yet; then those that are newer. An older one that is not told was
/// destroyed.
void tell(storage::WriteTransaction& tx, const KeyTools& tools, const std::vector<StoredAuditKey>& told) {
    for (const auto& key : tools.hsm.audit_key().generations()) {
        if (key.generation > newest_of(told))
            TokenKeyRepository::add_audit_key(tx, {key.generation, tools.clock.now()});
    }
}

}  // namespace

StoredAuditKey make_next_audit_generation(storage::WriteTransaction& tx, const KeyTools& tools) {
    MasterKeyRepository::lock_token(tx);
    auto& token = tools.hsm.key_changes();
    token.refresh(tx.deadline());
    const auto told = TokenKeyRepository::audit_keys(tx);
    const auto held = newest_held(tools.hsm);
    if (held == 0) {
        throw secrets::invalid_request(
            "The token holds no audit key (coffer/audit/1). Restore it from the token's backup; where there "
            "never was "
            "one, make it with coffer-hsm init.");
    }
    if (held < newest_of(told)) {
        throw Unavailable(fmt::format("the token of this node does not show generation {} of the audit key",
                                      newest_of(told)));
    }
    tell(tx, tools, told);
    if (!told.empty() && held > newest_of(told)) return {held, tools.clock.now()};
    if (tools.hsm.audit_key().generations().size() >= kMostGenerations) {
        throw secrets::limit_exceeded(fmt::format(
            "The audit key has {} generations, which is the most. Retire old ones (RetireKeyGenerations).",
            kMostGenerations));
    }
    const StoredAuditKey made{held + 1, tools.clock.now()};
    token.make_audit_generation(made.generation, tx.deadline());
    TokenKeyRepository::add_audit_key(tx, made);
    return made;
}

void tell_audit_generations(storage::WriteTransaction& tx, const KeyTools& tools) {
    MasterKeyRepository::lock_token(tx);
    tell(tx, tools, TokenKeyRepository::audit_keys(tx));
}

bool has_untold(const std::vector<StoredAuditKey>& told, crypto::Hsm& hsm) {
    return newest_held(hsm) > newest_of(told);
}

}  // namespace coffer::keys
