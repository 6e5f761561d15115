#pragma once
// Where a page ended, as bytes for a pagination token.

#include <cstdint>
#include <string>

#include "daemon/base/bytes.hpp"
#include "daemon/base/time.hpp"
#include "storage/records.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::secrets {

/// Encoding of a listing's cursor. decode() throws invalid_next_token() for bytes of another shape (which
/// an authenticated token of another version of the daemon may hold).
[[nodiscard]] Bytes encode_cursor(const storage::ListCursor& cursor);
[[nodiscard]] storage::ListCursor decode_cursor(ByteView bytes);

/// A version's place among its secret's: by creation, then id.
struct VersionPosition {
    Timestamp created;
    storage::VersionId id;

    [[nodiscard]] static VersionPosition of(const storage::StoredVersion& version) {
        return {version.created, version.id};
    }
    [[nodiscard]] bool is_before(const storage::StoredVersion& version) const {
        return created < version.created || (created == version.created && id < version.id);
    }
    [[nodiscard]] Bytes encode() const;
    [[nodiscard]] static VersionPosition decode(ByteView bytes);
};

}  // namespace coffer::secrets
