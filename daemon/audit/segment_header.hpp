#pragma once
// The first record of every segment file: which segment of which journal it is, and what it continues.
//
//     {"format":"coffer-journal/1","journal":UUID,"node":TEXT,"segment":N,"previous":HEX,
//      "abandoned":null|{"segment":N,"bytes":N},"timeMs":N}
// `previous` is the chain value of the record before, so that a segment can be checked alone and the chain
// survives the removal of old segments. `abandoned` names a segment whose end is not to be trusted, since
// making it durable failed: its bytes from `bytes` on belong to no record that was acknowledged.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/audit/digest.hpp"
#include "daemon/base/time.hpp"
#include "daemon/base/uuid.hpp"

namespace coffer::audit {

/// The trusted part of a segment whose end is not.
struct AbandonedEnd {
    std::uint64_t segment = 0;
    std::uint64_t bytes = 0;
};

struct SegmentHeader {
    Uuid journal;
    std::string node;
    std::uint64_t segment = 0;
    Digest previous{};
    std::optional<AbandonedEnd> abandoned;
    Timestamp time;
};

[[nodiscard]] std::string to_json(const SegmentHeader& header);
/// Nothing unless `json` is exactly what to_json() writes for the result.
[[nodiscard]] std::optional<SegmentHeader> parse_segment_header(std::string_view json);

}  // namespace coffer::audit
