#pragma once
// Where a journal ends: what is read of it before anything is appended.
//
// A crash can leave the last batch half written, in any order of its parts; it was not acknowledged. So the
// journal ends with the last record that follows its predecessor, and the rest is a torn tail, unless that
// cannot be: when a later batch was begun (then the damaged one had been durable), or when a signed
// checkpoint in the head file says that there was more. That is damage, and nothing is written over it.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "daemon/audit/journal_errors.hpp"
#include "daemon/audit/record.hpp"
#include "daemon/audit/segment_header.hpp"
#include "daemon/audit/signing_key.hpp"

namespace coffer::audit {

/// Bytes after the last record that is whole.
struct TornTail {
    std::uint64_t segment = 0;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    Digest sha256{};
    std::string beginning;  ///< at most 2,048 bytes of it, as they are
};

/// What is known of the newest checkpoint.
struct LastCheckpoint {
    Digest digest{};  ///< SHA-256 of its JSON
    /// Who has to sign the next one; nothing when its JSON cannot be read.
    std::optional<SignerName> next_signer;
};

struct JournalEnd {
    SegmentHeader header;  ///< of the last segment that has one
    ChainState state;
    std::uint64_t bytes = 0;  ///< of that segment, up to the last whole record
    std::optional<TornTail> torn;
    /// A file of the next number that holds no whole header: a crash while it was made.
    std::optional<std::uint64_t> unborn_segment;
    bool closed = false;  ///< the last record is a closing checkpoint
    std::optional<LastCheckpoint> last_checkpoint;
};

/// Reads; changes nothing. Nothing for a directory without segments. Throws JournalDamaged, Error.
[[nodiscard]] std::optional<JournalEnd> find_journal_end(const std::filesystem::path& directory);

}  // namespace coffer::audit
