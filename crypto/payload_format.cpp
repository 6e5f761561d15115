#include "crypto/payload_format.hpp"

#include <algorithm>

#include "crypto/gcm.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::crypto {

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kAes256Gcm = 1;

[[noreturn]] void malformed(const char* what) {
    throw IntegrityError(std::string("the stored payload is damaged: ") + what);
}

IvMode read_iv_mode(std::uint8_t byte) {
    switch (byte) {
        case 1:
            return IvMode::caller;
        case 2:
            return IvMode::written_back;
        case 3:
            return IvMode::appended;
        default:
            malformed("unknown IV mode");
    }
}

PayloadHeader decode_header(ByteView bytes) {
    if (bytes.size() < kPayloadHeaderBytes) malformed("it is too short");
    if (bytes[0] != kFormat) malformed("unknown format");
    if (bytes[1] != kAes256Gcm) malformed("unknown mechanism");
    PayloadHeader header{.iv_mode = read_iv_mode(bytes[2]), .iv_bytes = bytes[3]};
    if (header.iv_bytes != kGcmIvBytes && header.iv_bytes != kGcmIvBytesMax) malformed("odd IV length");
    for (const auto b : bytes.subspan(4, 4)) header.segment_bytes = (header.segment_bytes << 8U) | b;
    if (header.segment_bytes == 0 || header.segment_bytes > kPayloadBytesMax) malformed("odd segment length");
    return header;
}

}  // namespace

Bytes encode_header(const PayloadHeader& header) {
    Bytes out = {kFormat, kAes256Gcm, static_cast<std::uint8_t>(header.iv_mode),
                 static_cast<std::uint8_t>(header.iv_bytes)};
    for (int shift = 24; shift >= 0; shift -= 8) {
        out.push_back(static_cast<std::uint8_t>(header.segment_bytes >> static_cast<unsigned>(shift)));
    }
    return out;
}

std::size_t segment_count(std::size_t bytes, std::size_t segment_bytes) noexcept {
    return bytes == 0 ? 1 : (bytes + segment_bytes - 1) / segment_bytes;
}

std::size_t PayloadLayout::stored_segment_bytes() const noexcept {
    return header_.iv_bytes + header_.segment_bytes + kGcmTagBytes;
}

PayloadLayout PayloadLayout::parse(ByteView ciphertext) {
    PayloadLayout layout;
    layout.bytes_ = ciphertext;
    layout.header_ = decode_header(ciphertext);
    const std::size_t overhead = layout.header_.iv_bytes + kGcmTagBytes;
    const std::size_t body = ciphertext.size() - kPayloadHeaderBytes;
    layout.segments_ = segment_count(body, layout.stored_segment_bytes());
    const std::size_t last = body - (layout.segments_ - 1) * layout.stored_segment_bytes();
    if (last < overhead) malformed("its last segment is cut off");
    if (last == overhead && layout.segments_ > 1) malformed("its last segment is empty");
    layout.plaintext_bytes_ = body - layout.segments_ * overhead;
    if (layout.plaintext_bytes_ > kPayloadBytesMax) malformed("it is too long");
    return layout;
}

ByteView PayloadLayout::segment(std::size_t index) const {
    const auto body = bytes_.subspan(kPayloadHeaderBytes + index * stored_segment_bytes());
    return body.first(std::min(body.size(), stored_segment_bytes()));
}

PayloadAad::PayloadAad(const PayloadIdentity& identity, const MasterKeyId& master_key, ByteView header)
    : common_("coffer/payload/v1") {
    common_.text(identity.secret_arn)
        .text(identity.version_id)
        .bytes(master_key.value().bytes())
        .number(static_cast<std::int64_t>(identity.kind))
        .bytes(header);
}

Bytes PayloadAad::segment(std::size_t index, bool last) const {
    CanonicalEncoder whole = common_;
    whole.number(static_cast<std::int64_t>(index)).boolean(last);
    return whole.take();
}

}  // namespace coffer::crypto
