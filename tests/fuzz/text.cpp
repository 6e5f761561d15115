// Any bytes as text: counted, and made fit for a log line.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "expect.hpp"
#include "proto/utf8.hpp"

using coffer::fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto length = coffer::proto::utf8_length(text);
    expect(!length || (*length <= size && *length * 4 >= size), "a character is one to four bytes");

    constexpr std::size_t kShown = 16;
    const auto shown = coffer::proto::printable(text, kShown);
    const auto shown_length = coffer::proto::utf8_length(shown);
    expect(shown_length.has_value(), "what is shown is UTF-8");
    expect(*shown_length <= kShown + 3, "what is shown is cut");
    expect(coffer::proto::printable(shown, shown.size()) == shown, "what is shown needs no second cleaning");
    if (length && *length <= kShown) expect(*shown_length == *length, "no character is lost");
    return 0;
}
