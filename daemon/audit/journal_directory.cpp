#include "daemon/audit/journal_directory.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <system_error>

#include "daemon/base/errors.hpp"

namespace coffer::audit {

namespace {
constexpr std::string_view kPrefix = "journal-";
constexpr std::string_view kSuffix = ".log";
constexpr std::size_t kDigits = 10;
}  // namespace

std::string segment_name(std::uint64_t number) {
    auto digits = std::to_string(number);
    if (digits.size() < kDigits) digits.insert(0, kDigits - digits.size(), '0');
    return std::string(kPrefix) + digits + std::string(kSuffix);
}

std::optional<std::uint64_t> segment_number(std::string_view name) noexcept {
    if (name.size() != kPrefix.size() + kDigits + kSuffix.size() || !name.starts_with(kPrefix) ||
        !name.ends_with(kSuffix)) {
        return std::nullopt;
    }
    const auto digits = name.substr(kPrefix.size(), kDigits);
    if (!std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) {
        return std::nullopt;
    }
    std::uint64_t number = 0;
    (void)std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (number == 0) return std::nullopt;
    return number;
}

DirectoryListing list_directory(const std::filesystem::path& directory) {
    DirectoryListing out;
    std::error_code error;
    std::filesystem::directory_iterator entry(directory, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        const auto name = entry->path().filename().string();
        if (const auto number = segment_number(name)) {
            out.segments.push_back(*number);
        } else if (name == kHeadName) {
            out.has_head = true;
        } else if (name == kLockName) {
            out.has_lock = true;
        } else if (name == kReserveName) {
            out.has_reserve = true;
        } else {
            out.others.push_back(name);
        }
    }
    if (error) throw Error("cannot read the directory " + directory.string() + ": " + error.message());
    std::sort(out.segments.begin(), out.segments.end());
    std::sort(out.others.begin(), out.others.end());
    return out;
}

DirectoryListing list_journal(const std::filesystem::path& directory) {
    auto listing = list_directory(directory);
    if (listing.segments.empty() && !listing.has_head) {
        throw Error(directory.string() + " holds no journal: no file is called journal-NNNNNNNNNN.log");
    }
    return listing;
}

std::optional<std::string> read_small_file(const std::filesystem::path& file, std::size_t bytes_max) {
    std::error_code error;
    if (!std::filesystem::exists(file, error)) {
        if (error) throw Error("cannot look at " + file.string() + ": " + error.message());
        return std::nullopt;
    }
    std::ifstream in(file, std::ios::binary);
    std::string text(bytes_max + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!in && !in.eof()) throw Error("cannot read " + file.string());
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > bytes_max) {
        throw Error(file.string() + " is longer than " + std::to_string(bytes_max) + " bytes");
    }
    return text;
}

}  // namespace coffer::audit
