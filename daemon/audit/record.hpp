#pragma once
// One record of the journal: one line of a segment file. The only home of its layout.
//
//     offset  bytes  content
//     0       1      kind: 'H' segment header, 'E' event, 'C' checkpoint; 'e' and 'c' instead of 'E' and 'C'
//                    when the record is not the first of its batch
//     1       1      space
//     2       20     sequence number, decimal with leading zeros
//     22      1      space
//     23      64     chain value, lower-case hexadecimal
//     87      1      space
//     88      n      JSON, no control characters
//     88+n    1      line feed
//
// chain value = SHA-256(chain value of the record before, 32 bytes
//                       || the record's bytes 0 to 22 || the record's JSON)
// The record before the first of a journal has the chain value of 32 zero bytes. Sequence numbers begin with
// 1 and grow by 1 with every record of any kind, over all segments.
//
// A batch is what was written together and made durable by one fdatasync: a batch begins only after the one
// before is durable, which is how damage is told from a torn write (recovery.hpp).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/audit/digest.hpp"

namespace coffer::audit {

inline constexpr std::size_t kRecordPrefixBytes = 88;
/// Largest JSON of a record, in bytes. Bounds what a reader holds of a file that is not a journal.
inline constexpr std::size_t kRecordJsonBytesMax = 1024 * 1024;
inline constexpr std::size_t kRecordBytesMax = kRecordPrefixBytes + kRecordJsonBytesMax + 1;

enum class RecordKind : char { header = 'H', event = 'E', checkpoint = 'C' };

/// Where the chain stands after a record.
struct ChainState {
    std::uint64_t sequence = 0;
    Digest chain{};
    [[nodiscard]] bool operator==(const ChainState&) const = default;
};

/// A line taken apart. `json` points into the line.
struct RecordView {
    RecordKind kind = RecordKind::event;
    bool first_of_batch = false;
    std::uint64_t sequence = 0;
    Digest chain{};
    std::string_view json;
};

/// Takes a line (without its line feed) apart; nothing when it has not exactly the layout above. The chain is
/// not looked at.
[[nodiscard]] std::optional<RecordView> parse_record(std::string_view line) noexcept;

/// The chain value that `record` must have when it follows `before`, if its sequence number were `sequence`.
[[nodiscard]] Digest chain_after(const Digest& before, const RecordView& record, std::uint64_t sequence);

/// Whether `record` follows `before`: number and chain value.
[[nodiscard]] bool follows(const ChainState& before, const RecordView& record);

/// Appends the record that follows `state` to `out`, with its line feed, and moves `state` on. `json` must be
/// one line of at most kRecordJsonBytesMax bytes.
void append_record(std::string& out, ChainState& state, RecordKind kind, bool first_of_batch,
                   std::string_view json);

}  // namespace coffer::audit
