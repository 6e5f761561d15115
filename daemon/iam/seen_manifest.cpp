#include "daemon/iam/seen_manifest.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <sstream>

#include "daemon/audit/digest.hpp"
#include "daemon/audit/journal_directory.hpp"
#include "daemon/audit/posix_file.hpp"

namespace coffer::iam {

namespace {

constexpr std::string_view kFormat = "coffer-principals-seen/1";
constexpr std::size_t kFileBytesMax = 512;

std::string encode(const SeenManifest& seen) {
    const auto text = fmt::format("{} {} {} ", kFormat, seen.revision, to_hex(seen.seal));
    return text + audit::to_text(audit::sha256(text)) + "\n";
}

std::optional<SeenManifest> decode(const std::string& text) {
    std::istringstream in(text);
    std::string format;
    std::string seal;
    SeenManifest seen;
    if (!(in >> format >> seen.revision >> seal)) return std::nullopt;
    const auto bytes = audit::strict_from_hex(seal);
    if (!bytes) return std::nullopt;
    seen.seal = *bytes;
    // One spelling: whatever differs from what would be written was not written by us.
    if (encode(seen) != text) return std::nullopt;
    return seen;
}

}  // namespace

bool is_older(const storage::StoredIam& stored, const SeenManifest& seen) {
    return stored.revision < seen.revision || (stored.revision == seen.revision && stored.seal != seen.seal);
}

void require_not_older(const storage::StoredIam& stored, const SeenManifest& seen) {
    if (!is_older(stored, seen)) return;
    throw OlderManifest(fmt::format(
        "table iam_manifest: revision {} is not what this node has seen as revision {}; the table was put "
        "back "
        "to an earlier time. Restore iam_entities and iam_manifest as they were; if a backup was restored on "
        "purpose, run 'cofferd accept-principals' on this machine (docs/backup-and-restore.md)",
        stored.revision, seen.revision));
}

std::optional<SeenManifest> SeenManifestFile::load() const {
    std::optional<std::string> text;
    try {
        text = audit::read_small_file(file_, kFileBytesMax);
    } catch (const Error& error) {
        throw SeenManifestDamaged(fmt::format(
            "what this node has seen of the principals cannot be read ({}); put it right, or run 'cofferd "
            "accept-principals' on this machine",
            error.what()));
    }
    if (!text) return std::nullopt;
    if (auto seen = decode(*text)) return seen;
    throw SeenManifestDamaged(fmt::format(
        "{} is damaged, so it cannot be told whether the database was put back to an earlier time; look who "
        "changed it, and run 'cofferd accept-principals' on this machine",
        file_.string()));
}

void SeenManifestFile::save(const SeenManifest& seen) const {
    audit::replace_file(file_, encode(seen));
    const auto folder = file_.parent_path();
    const auto directory = audit::open_file(folder, O_RDONLY | O_DIRECTORY);
    audit::sync_all(directory.get(), folder.string());
}

}  // namespace coffer::iam
