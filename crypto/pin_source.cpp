#include "crypto/pin_source.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/private_file.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::crypto {

namespace {
constexpr std::size_t kPinBytesMax = 255;
// A little more than the longest PIN and its line end, to tell a longer one.
constexpr std::size_t kReadBytesMax = kPinBytesMax + 3;
}  // namespace

PinSource::PinSource(std::filesystem::path file) : file_(std::move(file)) {}

PinSource PinSource::from_file(std::filesystem::path file) {
    return PinSource(std::move(file));
}

SecretBytes PinSource::read() const {
    SecretBytes content = read_private_file(file_, "PIN file", kReadBytesMax);
    const auto bytes = content.view();
    const auto line_end = std::ranges::find_if(bytes, [](std::uint8_t b) { return b == '\n' || b == '\r'; });
    const auto length = static_cast<std::size_t>(line_end - bytes.begin());
    if (length == 0) throw Error(fmt::format("the PIN file {} has an empty first line", file_.string()));
    if (length > kPinBytesMax) {
        throw Error(fmt::format("the PIN in {} is longer than {} bytes", file_.string(), kPinBytesMax));
    }
    content.truncate(length);
    return content;
}

}  // namespace coffer::crypto
