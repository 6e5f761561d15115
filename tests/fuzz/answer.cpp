// Answers of HTTPS servers to Coffer's requests. The first byte is the size of the pieces that they come in,
// the second the body's limit.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/net/answer_reader.hpp"
#include "expect.hpp"

using coffer::fuzz::expect;
using coffer::net::AnswerReader;
using coffer::net::BadAnswer;

namespace {

struct Read {
    unsigned status = 0;
    std::string body;
    bool operator==(const Read&) const = default;
};

/// Nothing for what is no answer, or no whole one until the stream's end.
std::optional<Read> read(const std::uint8_t* data, std::size_t size, std::size_t piece, std::size_t limit) {
    std::vector<std::uint8_t> room(limit);
    AnswerReader reader(room);
    std::size_t taken = 0;
    try {
        bool whole = false;
        while (!whole && taken < size) {
            const auto free = reader.writable();
            expect(!free.empty(), "there is room for what comes next");
            const auto count = std::min({piece, size - taken, free.size()});
            std::copy_n(data + taken, count, free.begin());
            taken += count;
            whole = reader.take(count);
        }
        if (!whole) reader.end();
    } catch (const BadAnswer&) {
        return std::nullopt;
    }
    expect(reader.body_bytes() <= limit, "the body keeps to its limit");
    expect(reader.status() >= 200, "an answer of 1xx is none");
    return Read{reader.status(), {room.begin(), room.begin() + static_cast<long>(reader.body_bytes())}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::size_t piece = data[0] + 1U;
    const std::size_t limit = data[1];
    const auto whole = read(data + 2, size - 2, size, limit);
    const auto cut = read(data + 2, size - 2, piece, limit);
    expect(whole == cut, "pieces make the same answer");
    return 0;
}
