#pragma once
// The newest manifest of principals that this node has seen, kept in a file of the node's own: whoever puts
// the tables back to an earlier time while no node runs puts back good seals, and a node that starts could
// not tell.
//
// The file is one line, "coffer-principals-seen/1 REVISION SEAL SHA256\n": the manifest's revision, its seal
// in hexadecimal, and the digest of the text before it.

#include <cstdint>
#include <filesystem>
#include <optional>

#include "daemon/base/bytes.hpp"
#include "daemon/base/errors.hpp"
#include "storage/iam_repository.hpp"

namespace coffer::iam {

/// The file is there and is not what Coffer wrote. `what()` names it and says what to do.
class SeenManifestDamaged : public Error {
public:
    using Error::Error;
};

/// The tables were put back to an earlier time.
class OlderManifest : public IntegrityError {
public:
    using IntegrityError::IntegrityError;
};

struct SeenManifest {
    std::int64_t revision = 0;
    Bytes seal;

    [[nodiscard]] bool operator==(const SeenManifest&) const = default;
};

/// Whether the tables have a state that does not come after `seen`: an older one, or another one of the same
/// revision.
[[nodiscard]] bool is_older(const storage::StoredIam& stored, const SeenManifest& seen);

/// Throws OlderManifest when it is.
void require_not_older(const storage::StoredIam& stored, const SeenManifest& seen);

/// Not thread-safe.
class SeenManifestFile {
public:
    explicit SeenManifestFile(std::filesystem::path file) : file_(std::move(file)) {}

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return file_; }
    /// Nothing when there is no file: this node has seen nothing yet. Throws SeenManifestDamaged.
    [[nodiscard]] std::optional<SeenManifest> load() const;
    /// Replaces the file, durably, whole or not at all. Throws Error.
    void save(const SeenManifest& seen) const;

private:
    std::filesystem::path file_;
};

}  // namespace coffer::iam
