#pragma once
// Is a journal what was written? Needs the directory and the public key, nothing else: no daemon, no token,
// no database. docs/audit.md says what can and what cannot be found out this way.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/audit/checkpoint_keys.hpp"

namespace coffer::audit {

enum class FindingKind : std::uint8_t {
    changed,     ///< a record is not what was written
    removed,     ///< records between others are gone
    reordered,   ///< a record, or a segment, is not in its place
    cut_off,     ///< the end is gone: a signed checkpoint says that there was more
    incomplete,  ///< the last record is not whole
    signature,   ///< a checkpoint's signature is not that of the key whose turn it is, or the chain is not
                 ///< what it signed
    not_signed,  ///< there is no checkpoint to hold the journal against
    file,        ///< a file beside the segments is not what it should be, or does not belong there
};

/// "changed", "removed", "reordered", "cut off", "incomplete", "signature", "not signed", "file".
[[nodiscard]] std::string_view to_text(FindingKind kind) noexcept;

/// Something is wrong. Members that are not known are 0 or empty.
struct Finding {
    FindingKind kind = FindingKind::changed;
    std::uint64_t sequence = 0;   ///< of the first record concerned
    std::string event_id;         ///< of that record
    std::string event_time;       ///< of that record
    std::string file;             ///< name within the directory
    std::uint64_t offset = 0;     ///< byte in the file
    std::string event_id_before;  ///< of the last event that is right
    std::string message;          ///< one sentence
};

struct VerifyOptions {
    /// Checkpoints that were kept elsewhere (database, log host): the content of head files. The journal must
    /// hold each of them.
    std::vector<std::string> heads;
};

struct VerifyReport {
    std::vector<Finding> findings;   ///< the first is the earliest in the chain; empty: all is well
    std::vector<std::string> notes;  ///< what is as it should be and worth knowing
    std::string journal;
    std::string node;
    std::uint64_t segments = 0;
    std::uint64_t records = 0;  ///< checked, of all kinds
    std::uint64_t events = 0;
    std::uint64_t checkpoints = 0;
    std::uint64_t first_sequence = 0;
    std::uint64_t last_sequence = 0;         ///< up to which the chain is right
    std::uint64_t last_signed_sequence = 0;  ///< up to which a signature covers it
    std::string signing_key;               ///< id of the key that has to sign next; empty without checkpoints
    std::uint32_t signing_generation = 0;  ///< and its generation
    std::string first_event_time;
    std::string last_event_time;
    bool live = false;  ///< a process has the journal open for writing
    [[nodiscard]] bool good() const noexcept { return findings.empty(); }
};

/// Checks every byte of every file in `directory`, beginning with `keys`: those that a checkpoint introduces
/// are believed from there on, and the ones that they replace no more. Stops at the first break of the chain.
/// Memory: one record and 100 bytes for each checkpoint. Throws Error when the directory cannot be read or
/// holds no journal.
[[nodiscard]] VerifyReport verify_journal(const std::filesystem::path& directory, const CheckpointKeys& keys,
                                          const VerifyOptions& options = {});

/// The eventID and eventTime of an event's JSON, damaged or not; empty when there are none.
[[nodiscard]] std::string event_id_in(std::string_view json);
[[nodiscard]] std::string event_time_in(std::string_view json);

}  // namespace coffer::audit
