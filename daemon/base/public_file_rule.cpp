#include "daemon/base/public_file_rule.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>

namespace coffer {

std::optional<std::string> trust_problem(const struct stat& status) {
    if (!S_ISREG(status.st_mode)) return "is not a regular file";
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        std::array<char, 8> mode{};
        std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(status.st_mode & 07777U));
        return "has mode " + std::string(mode.data()) +
               ": others than its owner may write it (chmod 0644 it)";
    }
    if (::geteuid() != 0 && status.st_uid != ::geteuid() && status.st_uid != 0) {
        return "belongs to another user (chown it to root, or to the one that runs this program)";
    }
    return std::nullopt;
}

}  // namespace coffer
