#include "daemon/secrets/random_password.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "daemon/secrets/errors.hpp"

namespace coffer::secrets {

namespace {

constexpr std::string_view kLowercase = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kUppercase = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view kNumbers = "0123456789";
constexpr std::string_view kPunctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
constexpr std::size_t kDefaultLength = 32;

std::string without(std::string_view characters, std::string_view excluded) {
    std::string left;
    for (const char c : characters) {
        if (excluded.find(c) == std::string_view::npos) left.push_back(c);
    }
    return left;
}

/// Uniform numbers below a bound, from a stream of random bytes; values that would favour the lower
/// numbers are skipped.
class RandomStream {
public:
    explicit RandomStream(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    [[nodiscard]] std::optional<std::size_t> below(std::size_t bound) {
        constexpr std::size_t kRange = 1U << 16U;
        const std::size_t fair = kRange - kRange % bound;
        while (bytes_.size() >= 2) {
            const std::size_t value = (std::size_t{bytes_[0]} << 8U) | bytes_[1];
            bytes_ = bytes_.subspan(2);
            if (value < fair) return value % bound;
        }
        return std::nullopt;
    }

private:
    std::span<const std::uint8_t> bytes_;
};

}  // namespace

PasswordRules::PasswordRules(const v1::GetRandomPasswordRequest& request)
    : length_(request.has_password_length() ? static_cast<std::size_t>(request.password_length())
                                            : kDefaultLength) {
    const bool require_each =
        !request.has_require_each_included_type() || request.require_each_included_type();
    bool class_emptied = false;
    const auto include = [&](bool excluded, std::string_view characters) {
        if (excluded) return;
        std::string left = without(characters, request.exclude_characters());
        pool_ += left;
        class_emptied = class_emptied || left.empty();
        if (require_each) required_.push_back(std::move(left));
    };
    include(request.exclude_lowercase(), kLowercase);
    include(request.exclude_uppercase(), kUppercase);
    include(request.exclude_numbers(), kNumbers);
    include(request.exclude_punctuation(), kPunctuation);
    // A space is allowed, never required.
    if (request.include_space()) pool_ += without(" ", request.exclude_characters());

    if (pool_.empty()) throw invalid_parameter("All characters have been excluded from selection.");
    if (require_each && class_emptied) {
        throw invalid_parameter("All characters of the desired type have been excluded.");
    }
    if (length_ < required_.size()) {
        throw invalid_parameter("Password length is too short based on the required types.");
    }
}

double PasswordRules::bits() const noexcept {
    // Of the choices alone. That they are shuffled makes no password likelier than the likeliest of them.
    double bits = 0;
    for (std::size_t i = 0; i < length_; ++i) {
        bits += std::log2(static_cast<double>(i < required_.size() ? required_[i].size() : pool_.size()));
    }
    return bits;
}

std::size_t PasswordRules::random_bytes_needed() const noexcept {
    // Two draws a character (choice and shuffle) of two bytes each; at most 1 draw in 16 is skipped.
    constexpr std::size_t kReserve = 256;
    return length_ * 5 + kReserve;
}

std::optional<crypto::SecretBytes> PasswordRules::generate(std::span<const std::uint8_t> random) const {
    RandomStream stream(random);
    crypto::SecretBytes password(length_);
    const auto out = password.writable();
    for (std::size_t i = 0; i < length_; ++i) {
        const std::string& from = i < required_.size() ? required_[i] : pool_;
        const auto choice = stream.below(from.size());
        if (!choice) return std::nullopt;
        out[i] = static_cast<std::uint8_t>(from[*choice]);
    }
    // Fisher-Yates, so that the required characters stand anywhere.
    for (std::size_t i = length_; i > 1; --i) {
        const auto j = stream.below(i);
        if (!j) return std::nullopt;
        std::swap(out[i - 1], out[*j]);
    }
    return password;
}

}  // namespace coffer::secrets
