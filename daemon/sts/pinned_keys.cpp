#include "daemon/sts/pinned_keys.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "daemon/base/public_file_rule.hpp"
#include "daemon/sts/strict_json.hpp"

namespace coffer::sts {

namespace {

std::string read_key_file(const std::filesystem::path& file) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) {
        throw KeySourceError(fmt::format("{} is not there, or is closed to this user", file.string()));
    }
    if (const auto problem = trust_problem(status)) {
        throw KeySourceError(fmt::format("{} {}", file.string(), *problem));
    }
    if (static_cast<std::uintmax_t>(status.st_size) > WebKeySet::kBytesMax) {
        throw KeySourceError(fmt::format("{} has {} bytes; a JWK Set may have {}", file.string(),
                                         status.st_size, WebKeySet::kBytesMax));
    }
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    if (!in) throw KeySourceError(fmt::format("{} cannot be read; check its mode and owner", file.string()));
    return std::move(text).str();
}

WebKeySetPtr load_keys(const std::filesystem::path& file) {
    const auto text = read_key_file(file);
    try {
        return std::make_shared<const WebKeySet>(WebKeySet::read(text));
    } catch (const BadJson& error) {
        throw KeySourceError(fmt::format("{}: {}", file.string(), error.what()));
    }
}

}  // namespace

PinnedKeys::PinnedKeys(std::filesystem::path file) : file_(std::move(file)), keys_(load_keys(file_)) {}

WebKeySetPtr PinnedKeys::keys() const {
    const std::lock_guard lock(mutex_);
    return keys_;
}

void PinnedKeys::reload() {
    auto keys = load_keys(file_);
    const std::lock_guard lock(mutex_);
    keys_ = std::move(keys);
}

KeySourceStatus PinnedKeys::status() const {
    return {.keys = keys()->size()};
}

}  // namespace coffer::sts
