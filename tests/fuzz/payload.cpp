// A stored ciphertext, which whoever can write to the database chooses, taken apart.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "crypto/payload_format.hpp"
#include "daemon/base/errors.hpp"
#include "expect.hpp"

using coffer::fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const coffer::ByteView stored(data, size);
    try {
        const auto layout = coffer::crypto::PayloadLayout::parse(stored);
        expect(layout.segments() >= 1, "there is a segment");
        expect(layout.plaintext_bytes() <= 65536, "a payload is at most 64 KiB");
        std::size_t at = coffer::crypto::kPayloadHeaderBytes;
        for (std::size_t i = 0; i < layout.segments(); ++i) {
            const auto segment = layout.segment(i);
            expect(segment.data() == stored.data() + at, "segments follow each other");
            expect(!segment.empty(), "a segment has bytes");
            at += segment.size();
        }
        expect(at == stored.size(), "segments are all there is");
        const auto header = coffer::crypto::encode_header(layout.header());
        expect(std::equal(header.begin(), header.end(), stored.begin()),
               "a header is written as it was read");
    } catch (const coffer::IntegrityError&) {
        return 0;  // refused
    }
    return 0;
}
