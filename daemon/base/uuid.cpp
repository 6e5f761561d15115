#include "daemon/base/uuid.hpp"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "daemon/base/bytes.hpp"

namespace coffer {

namespace {

/// Random bytes for the ids of one thread, got many at a time: the system call costs more than all the rest.
class RandomBytes {
public:
    std::array<std::uint8_t, 16> take() {
        if (left_ == 0) refill();
        std::array<std::uint8_t, 16> out{};
        left_ -= out.size();
        std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(left_), out.size(), out.begin());
        return out;
    }

private:
    void refill() {
        // Requests of up to 256 bytes are never cut short by a signal once the pool is seeded (getrandom(2)).
        if (getrandom(bytes_.data(), bytes_.size(), 0) != static_cast<ssize_t>(bytes_.size())) {
            throw std::system_error(errno, std::generic_category(), "getrandom");
        }
        left_ = bytes_.size();
    }

    std::array<std::uint8_t, 256> bytes_{};
    std::size_t left_ = 0;
};

}  // namespace

Uuid Uuid::random() {
    thread_local RandomBytes random;
    auto b = random.take();
    b[6] = static_cast<std::uint8_t>((b[6] & 0x0FU) | 0x40U);
    b[8] = static_cast<std::uint8_t>((b[8] & 0x3FU) | 0x80U);
    return Uuid(b);
}

std::optional<Uuid> Uuid::parse(std::string_view text) noexcept {
    if (text.size() != 36) return std::nullopt;
    std::array<std::uint8_t, 16> b{};
    std::size_t at = 0;
    for (std::size_t i = 0; i < text.size();) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i++] != '-') return std::nullopt;
            continue;
        }
        unsigned value = 0;
        for (int k = 0; k < 2; ++k, ++i) {
            const char c = text[i];
            unsigned digit = 0;
            if (c >= '0' && c <= '9')
                digit = static_cast<unsigned>(c - '0');
            else if (c >= 'a' && c <= 'f')
                digit = static_cast<unsigned>(c - 'a') + 10;
            else if (c >= 'A' && c <= 'F')
                digit = static_cast<unsigned>(c - 'A') + 10;
            else
                return std::nullopt;
            value = value * 16 + digit;
        }
        b[at++] = static_cast<std::uint8_t>(value);
    }
    return Uuid(b);
}

std::string Uuid::text() const {
    std::string hex = to_hex(bytes_);
    for (const std::size_t at : {8U, 13U, 18U, 23U}) hex.insert(at, 1, '-');
    return hex;
}

}  // namespace coffer
