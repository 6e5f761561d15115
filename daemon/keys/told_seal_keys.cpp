#include "daemon/keys/told_seal_keys.hpp"

#include <fmt/format.h>

#include "daemon/keys/seal_generations.hpp"

namespace coffer::keys {

using storage::ResealRepository;
using storage::SealKeyRepository;

namespace {
/// Rows with broken seals that are named.
constexpr std::size_t kNamedRows = 5;
}  // namespace

ToldSealKeys load_seal_keys(storage::ReadTransaction& tx, bool with_rows) {
    ToldSealKeys told;
    told.generations = SealKeyRepository::keys(tx);
    std::erase_if(told.generations, [](const storage::StoredSealKey& key) { return key.retired; });
    told.holders = SealKeyRepository::holders(tx);
    told.progress = ResealRepository::progress(tx, newest_active(told.generations));
    told.failures = ResealRepository::failures(tx, kNamedRows + 1);
    const bool running = told.progress && !told.progress->ended && told.progress->leased;
    if (with_rows && !running) told.rows = SealKeyRepository::count_rows(tx);
    told.outbox_nodes = SealKeyRepository::outbox_nodes(tx);
    return told;
}

std::string name_broken(const std::vector<storage::ResealFailure>& failures) {
    std::string text = "the seals of these rows are broken, and they are left as they are:";
    for (std::size_t i = 0; i < failures.size() && i < kNamedRows; ++i) {
        text += fmt::format(" {} ({});", failures[i].name, failures[i].reason);
    }
    if (failures.size() > kNamedRows) text += " ...";
    return text;
}

}  // namespace coffer::keys
