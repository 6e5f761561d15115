#include "crypto/module_configuration.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <system_error>

namespace coffer::crypto {

namespace {

using std::filesystem::path;

/// Why `file` cannot be used in this way (R_OK, W_OK, X_OK), if it cannot.
std::optional<std::string> closed(const path& file, int how) {
    if (::access(file.c_str(), how) == 0) return std::nullopt;
    return fmt::format("{} cannot be used by this user (uid {}): {}", file.string(), ::geteuid(),
                       std::generic_category().message(errno));
}

/// The first file or folder below `folder` that is closed. A token has a folder with a few files.
std::optional<std::string> closed_below(const path& folder) {
    constexpr int kDepthMax = 3;
    constexpr int kFilesMax = 10'000;
    if (auto why = closed(folder, R_OK | W_OK | X_OK)) return why;
    std::error_code error;
    int seen = 0;
    for (auto entry = std::filesystem::recursive_directory_iterator(
             folder, std::filesystem::directory_options::skip_permission_denied, error);
         !error && entry != std::filesystem::recursive_directory_iterator() && ++seen <= kFilesMax;
         entry.increment(error)) {
        if (entry.depth() >= kDepthMax) entry.disable_recursion_pending();
        const bool is_folder = entry->is_directory(error);
        if (auto why = closed(entry->path(), is_folder ? R_OK | W_OK | X_OK : R_OK | W_OK)) return why;
    }
    return std::nullopt;
}

/// Where SoftHSM2 looks for its configuration.
path softhsm2_configuration() {
    const char* named = std::getenv("SOFTHSM2_CONF");  // NOLINT(concurrency-mt-unsafe): nothing changes it
    if (named != nullptr) return named;
    const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): nothing changes it
    if (home != nullptr) {
        auto own = path(home) / ".config/softhsm2/softhsm2.conf";
        if (::access(own.c_str(), F_OK) == 0) return own;
    }
    return "/etc/softhsm/softhsm2.conf";
}

/// The value of "directories.tokendir = FOLDER"; empty when there is none.
path token_folder(const path& configuration) {
    constexpr std::string_view kKey = "directories.tokendir";
    constexpr const char* kBlanks = " \t\r";
    std::ifstream in(configuration);
    for (std::string line; std::getline(in, line);) {
        const auto equals = line.find('=');
        const auto begin = line.find_first_not_of(kBlanks);
        if (equals == std::string::npos || line.compare(begin, kKey.size(), kKey) != 0) continue;
        const auto value = line.find_first_not_of(kBlanks, equals + 1);
        if (value == std::string::npos) return {};
        return line.substr(value, line.find_last_not_of(kBlanks) + 1 - value);
    }
    return {};
}

std::optional<std::string> softhsm2_problem() {
    const auto configuration = softhsm2_configuration();
    if (auto why = closed(configuration, R_OK)) {
        return fmt::format("SoftHSM2's configuration {}; the variable SOFTHSM2_CONF names another", *why);
    }
    const auto folder = token_folder(configuration);
    if (folder.empty()) return fmt::format("{} names no directories.tokendir", configuration.string());
    if (auto why = closed_below(folder)) {
        return fmt::format(
            "{}; it is in the token folder that {} names, and must belong to the user that uses "
            "the token",
            *why, configuration.string());
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> file_problem(const path& module, const path& token_dir) {
    if (module.filename().string().find("softhsm") != std::string::npos) {
        if (auto problem = softhsm2_problem()) return problem;
    }
    if (!token_dir.empty()) {
        if (auto why = closed_below(token_dir)) return "in the token's folder: " + *why;
    }
    return std::nullopt;
}

std::string initialize_advice(const path& module, const path& token_dir) {
    if (auto problem = file_problem(module, token_dir)) return *problem;
    return "look at the module's own configuration and environment (NSS softokn wants module_arguments of a "
           "profile, and the token's folder)";
}

}  // namespace coffer::crypto
