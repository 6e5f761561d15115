#include "daemon/private_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "daemon/base/private_file_rule.hpp"
#include "daemon/base/public_file_rule.hpp"
#include "daemon/server/listener_policy.hpp"
#include "daemon/server/toml_reader.hpp"

namespace coffer::daemon {

namespace {

using std::filesystem::path;

void check_present(const path& file, const std::string& key, std::vector<std::string>& problems) {
    struct stat status {};
    if (::stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode)) return;
    problems.push_back(fmt::format("{}: {} is not there, or is not a regular file", key, file.string()));
}

void check_folder(const path& folder, const std::string& key, std::vector<std::string>& problems) {
    struct stat status {};
    if (::stat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return;
    problems.push_back(
        fmt::format("{}: {} is not there, or is not a folder; make it (mode 0700, the daemon's user's), and "
                    "mount what is to "
                    "be mounted there",
                    key, folder.string()));
}

bool is_absent_credential(const path& file) {
    return file.string().starts_with(server::kCredentialsPrefix);
}

std::optional<std::string> absent_credential(const path& file, const std::string& key) {
    if (!is_absent_credential(file)) return std::nullopt;
    return fmt::format(
        "{0}: {1} was not looked at: systemd alone sets $CREDENTIALS_DIRECTORY, for the unit "
        "(LoadCredential={2}:FILE). To try it by hand, let systemd-run do the same "
        "(systemd-run --pipe --uid=coffer -p LoadCredential={2}:FILE -p "
        "EnvironmentFile=-/etc/coffer/environment "
        "cofferd ...), or set the variable to a folder that holds {2}",
        key, file.string(), file.filename().string());
}

/// Why this user cannot read `file`; root, who checks for another user, always can.
std::optional<std::string> opening_problem(const path& file) {
    if (::geteuid() == 0) return std::nullopt;
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return fmt::format(
            "cannot be opened by this user: {}. Give the file to the user that cofferd runs as, or let "
            "systemd hand "
            "root's file over (LoadCredential=NAME:FILE, and \"$CREDENTIALS_DIRECTORY/NAME\" here)",
            std::generic_category().message(errno));
    }
    ::close(descriptor);
    return std::nullopt;
}

void check_private(const path& file, const std::string& key, std::vector<std::string>& problems) {
    if (is_absent_credential(file)) return;
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) {
        problems.push_back(fmt::format("{}: {} cannot be looked at: {}", key, file.string(),
                                       std::generic_category().message(errno)));
        return;
    }
    auto problem = privacy_problem(file, status);
    if (!problem) problem = opening_problem(file);
    if (problem) problems.push_back(fmt::format("{}: {} {}", key, file.string(), *problem));
}

/// A file that is no secret and decides whom the daemon believes.
void check_trusted(const path& file, const std::string& key, std::vector<std::string>& problems) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) {
        problems.push_back(fmt::format("{}: {} cannot be looked at: {}", key, file.string(),
                                       std::generic_category().message(errno)));
        return;
    }
    if (const auto problem = trust_problem(status)) {
        problems.push_back(fmt::format("{}: {} {}", key, file.string(), *problem));
    }
}

void check_policy(const server::ListenerConfig& listener, const std::string& key,
                  std::vector<std::string>& problems) {
    if (listener.policy.empty()) return;
    try {
        static_cast<void>(server::load_listener_policy(listener.policy, listener.name));
    } catch (const server::ListenerPolicyError& error) {
        problems.push_back(fmt::format("{}: {}", key, error.what()));
    }
}

}  // namespace

std::vector<std::string> absent_credentials(const server::Config& config) {
    std::vector<std::string> absent;
    if (auto pin = absent_pin(config)) absent.push_back(std::move(*pin));
    for (const auto& listener : config.listeners) {
        auto key = absent_credential(listener.tls.key, fmt::format("listener '{}' 'key'", listener.name));
        if (key) absent.push_back(std::move(*key));
    }
    return absent;
}

std::optional<std::string> absent_pin(const server::Config& config) {
    return absent_credential(config.hsm.pin_file, "[hsm] 'pin_file'");
}

std::vector<std::string> file_problems(const server::Config& config) {
    std::vector<std::string> problems;
    check_present(config.hsm.module, "[hsm] 'module'", problems);
    check_present(config.hsm.profile, "[hsm] 'profile'", problems);
    check_private(config.hsm.pin_file, "[hsm] 'pin_file'", problems);
    if (config.audit.enabled) check_folder(config.audit.directory, "[audit] 'directory'", problems);
    if (!config.audit.state_directory.empty()) {
        check_folder(config.audit.state_directory, "[audit] 'state_directory'", problems);
    }
    const auto check_sink = [&](const std::optional<server::AuditSinkConfig>& sink, const std::string& name) {
        if (!sink) return;
        check_present(sink->ca, name + " 'ca'", problems);
        if (!sink->certificate.empty()) check_present(sink->certificate, name + " 'certificate'", problems);
        if (!sink->key.empty()) check_private(sink->key, name + " 'key'", problems);
    };
    check_sink(config.audit.syslog, "[audit.syslog]");
    check_sink(config.audit.https, "[audit.https]");
    for (const auto& provider : config.oidc_providers) {
        const auto name = fmt::format("provider '{}'", provider.issuer);
        if (!provider.jwks_file.empty()) check_trusted(provider.jwks_file, name + " 'jwks_file'", problems);
        if (!provider.ca_file.empty()) check_trusted(provider.ca_file, name + " 'ca_file'", problems);
    }
    for (const auto& listener : config.listeners) {
        const auto key = [&](const char* name) {
            return fmt::format("listener '{}' '{}'", listener.name, name);
        };
        check_present(listener.tls.certificate, key("certificate"), problems);
        if (!listener.tls.key.starts_with("pkcs11:")) check_private(listener.tls.key, key("key"), problems);
        for (const auto& file : listener.tls.client_ca) check_present(file, key("client_ca"), problems);
        for (const auto& file : listener.tls.crl) check_present(file, key("crl"), problems);
        check_policy(listener, key("policy"), problems);
    }
    return problems;
}

}  // namespace coffer::daemon
