#include "daemon/secrets/position.hpp"

#include <algorithm>

#include "daemon/secrets/errors.hpp"

namespace coffer::secrets {

namespace {

constexpr std::size_t kTimeBytes = 8;
constexpr std::size_t kUuidBytes = 16;

void append_time(Bytes& out, Timestamp time) {
    const auto ms = static_cast<std::uint64_t>(time.millis());
    for (int shift = 56; shift >= 0; shift -= 8)
        out.push_back(static_cast<std::uint8_t>(ms >> static_cast<unsigned>(shift)));
}

/// Takes `size` bytes off the front of `bytes`.
ByteView take(ByteView& bytes, std::size_t size) {
    if (bytes.size() < size) throw invalid_next_token();
    const auto head = bytes.first(size);
    bytes = bytes.subspan(size);
    return head;
}

Timestamp take_time(ByteView& bytes) {
    std::uint64_t ms = 0;
    for (const auto b : take(bytes, kTimeBytes)) ms = (ms << 8U) | b;
    return Timestamp::from_millis(static_cast<std::int64_t>(ms));
}

}  // namespace

Bytes encode_cursor(const storage::ListCursor& cursor) {
    Bytes out;
    out.push_back(cursor.time ? 1 : 0);
    append_time(out, cursor.time.value_or(Timestamp{}));
    const auto& id = cursor.id.value().bytes();
    out.insert(out.end(), id.begin(), id.end());
    out.insert(out.end(), cursor.name.begin(), cursor.name.end());
    return out;
}

storage::ListCursor decode_cursor(ByteView bytes) {
    storage::ListCursor cursor;
    const bool has_time = take(bytes, 1)[0] == 1;
    const auto time = take_time(bytes);
    if (has_time) cursor.time = time;
    std::array<std::uint8_t, kUuidBytes> id{};
    std::ranges::copy(take(bytes, kUuidBytes), id.begin());
    cursor.id = storage::SecretId(Uuid(id));
    cursor.name = as_text(bytes);
    return cursor;
}

Bytes VersionPosition::encode() const {
    Bytes out;
    append_time(out, created);
    out.insert(out.end(), id.value().begin(), id.value().end());
    return out;
}

VersionPosition VersionPosition::decode(ByteView bytes) {
    const auto created = take_time(bytes);
    return {created, storage::VersionId(std::string(as_text(bytes)))};
}

}  // namespace coffer::secrets
