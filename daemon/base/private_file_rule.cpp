#include "daemon/base/private_file_rule.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace coffer {

namespace {

bool is_credential(const std::filesystem::path& file) {
    const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
    if (folder == nullptr || *folder == '\0') return false;
    // An empty last part stands for a slash at the end.
    const auto normal = (std::filesystem::path(folder) / "").lexically_normal();
    return (file.parent_path() / "").lexically_normal() == normal;
}

std::string octal(mode_t mode) {
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode));
    return text.data();
}

}  // namespace

std::optional<std::string> privacy_problem(const std::filesystem::path& file, const struct stat& status) {
    if (!S_ISREG(status.st_mode)) return "is not a regular file";
    const mode_t others = is_credential(file) ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO;
    if ((status.st_mode & others) != 0) {
        return "has mode " + octal(status.st_mode & 07777U) +
               ": others than its owner may use it (chmod 0600 it)";
    }
    if (::geteuid() != 0 && status.st_uid != ::geteuid() && status.st_uid != 0) {
        return "belongs to another user (chown it to the one that runs this program)";
    }
    return std::nullopt;
}

}  // namespace coffer
