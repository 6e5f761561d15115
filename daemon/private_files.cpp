#include "daemon/private_files.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

#include "daemon/base/private_file_rule.hpp"

namespace coffer::daemon {

namespace {

using std::filesystem::path;

void check_present(const path& file, const std::string& key, std::vector<std::string>& problems) {
    struct stat status {};
    if (::stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode)) return;
    problems.push_back(fmt::format("{}: {} is not there, or is not a regular file", key, file.string()));
}

void check_private(const path& file, const std::string& key, std::vector<std::string>& problems) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) {
        problems.push_back(fmt::format("{}: {} cannot be looked at: {}", key, file.string(),
                                       std::generic_category().message(errno)));
        return;
    }
    if (const auto problem = privacy_problem(file, status)) {
        problems.push_back(fmt::format("{}: {} {}", key, file.string(), *problem));
    }
}

}  // namespace

std::vector<std::string> file_problems(const server::Config& config) {
    std::vector<std::string> problems;
    check_present(config.hsm.module, "[hsm] 'module'", problems);
    check_present(config.hsm.profile, "[hsm] 'profile'", problems);
    check_private(config.hsm.pin_file, "[hsm] 'pin_file'", problems);
    for (const auto& listener : config.listeners) {
        const auto key = [&](const char* name) {
            return fmt::format("listener '{}' '{}'", listener.name, name);
        };
        check_present(listener.tls.certificate, key("certificate"), problems);
        if (!listener.tls.key.starts_with("pkcs11:")) check_private(listener.tls.key, key("key"), problems);
        for (const auto& file : listener.tls.client_ca) check_present(file, key("client_ca"), problems);
        for (const auto& file : listener.tls.crl) check_present(file, key("crl"), problems);
    }
    return problems;
}

}  // namespace coffer::daemon
