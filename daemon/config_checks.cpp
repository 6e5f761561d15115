#include "daemon/config_checks.hpp"

#include <elf.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "crypto/private_key.hpp"
#include "daemon/backend_configs.hpp"
#include "daemon/certificates/authority.hpp"
#include "daemon/server/tls_context.hpp"
#include "daemon/server/toml_reader.hpp"
#include "daemon/sts/pinned_keys.hpp"
#include "storage/conninfo.hpp"

namespace coffer::daemon {

namespace {

using std::filesystem::path;

class Contents {
public:
    /// Runs `look`, and takes down what it throws as a problem of `what`.
    template <class Look>
    void look(const std::string& what, const Look& look) {
        try {
            look();
        } catch (const Error& error) {
            problems_.push_back(what.empty() ? error.what() : what + ": " + error.what());
        }
    }
    void certificates(const std::string& what, const path& file) {
        if (file.empty()) return;
        look(what, [&] { static_cast<void>(certificates::read_certificates(file)); });
    }
    void folder(const std::string& what, const path& folder) {
        struct stat status {};
        if (folder.empty() || (::stat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode))) return;
        problems_.push_back(what + ": " + folder.string() + " is not there, or is not a folder");
    }
    void file(const std::string& what, const path& file) {
        struct stat status {};
        if (::stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode)) return;
        problems_.push_back(what + ": " + file.string() + " is not there, or is not a regular file");
    }

    [[nodiscard]] std::vector<std::string> take() { return std::move(problems_); }

private:
    std::vector<std::string> problems_;
};

/// A key that cannot be looked at here is taken for the certificate's.
server::PkeyPtr key_or_stand_in(const std::string& key, X509* certificate) {
    if (key.starts_with("pkcs11:") || key.starts_with(server::kCredentialsPrefix))
        return server::PkeyPtr(X509_get_pubkey(certificate));
    return server::PkeyPtr(crypto::private_key_from_pem(key).release());
}

std::optional<ElfW(Ehdr)> elf_header(const path& file) {
    ElfW(Ehdr) header{};
    std::ifstream in(file, std::ios::binary);
    in.read(reinterpret_cast<char*>(&header), sizeof header);
    if (!in || !std::equal(ELFMAG, ELFMAG + SELFMAG, header.e_ident)) return std::nullopt;
    return header;
}

/// What can be told without loading it, which would run its code.
void require_library(const path& module) {
    const auto header = elf_header(module);
    if (!header) throw server::ConfigError(module.string() + " is no shared library (ELF)");
    // The class comes first: a header of 32 bits has other members where these are.
    const auto own = elf_header("/proc/self/exe");
    if (own && (header->e_ident[EI_CLASS] != own->e_ident[EI_CLASS] || header->e_machine != own->e_machine)) {
        throw server::ConfigError(
            module.string() +
            " is made for another kind of processor than cofferd: of the vendor's libraries take "
            "the one for this machine (`file` tells them apart)");
    }
    if (header->e_type != ET_DYN)
        throw server::ConfigError(module.string() + " is no shared library but a program or an object file");
}

void look_at_token(const server::HsmSection& hsm, Contents& contents) {
    contents.look("[hsm] 'module'", [&] { require_library(hsm.module); });
    contents.folder("[hsm] 'token_dir'", hsm.token_dir);
    contents.look("[hsm] 'profile'", [&] { static_cast<void>(hsm_config(hsm, false).module_arguments()); });
}

void look_at_database(const server::DatabaseSection& database, Contents& contents) {
    for (const auto& [keyword, file] : storage::files_of_conninfo(database.conninfo)) {
        contents.file("[database] 'conninfo' " + keyword, file);
    }
}

void look_at_sinks(const server::AuditConfig& audit, Contents& contents) {
    const auto look = [&](const std::string& name, const std::optional<server::AuditSinkConfig>& sink) {
        if (!sink) return;
        contents.certificates(name + " 'ca'", sink->ca);
        contents.certificates(name + " 'certificate'", sink->certificate);
    };
    look("[audit.syslog]", audit.syslog);
    look("[audit.https]", audit.https);
}

void look_at_authorities(const server::Config& config, Contents& contents) {
    for (const auto& authority : config.certificate_authorities) {
        const auto name = fmt::format("[[certificate_authority]] \"{}\"", authority.name);
        contents.look(name + " 'certificate'", [&] {
            certificates::require_authority(
                certificates::read_certificates(authority.certificate).front().get());
        });
        if (!authority.crl_file.empty())
            contents.folder(name + " 'crl_file'", authority.crl_file.parent_path());
    }
}

void look_at_functions(const server::RotationSection& rotation, Contents& contents) {
    for (const auto& function : rotation.functions) {
        std::visit(
            [&](const auto& kind) {
                if constexpr (requires { kind.ca_file; }) {
                    contents.certificates(
                        fmt::format("[[rotation_function]] \"{}\" 'ca_file'", function.name), kind.ca_file);
                }
            },
            function.kind);
    }
}

}  // namespace

std::vector<std::string> content_problems(const server::Config& config) {
    Contents contents;
    look_at_token(config.hsm, contents);
    look_at_database(config.database, contents);
    for (const auto& listener : config.listeners) {
        contents.look("listener '" + listener.name + "'", [&] {
            static_cast<void>(server::TlsContext::load(listener.tls, key_or_stand_in, listener.protocol));
        });
    }
    look_at_sinks(config.audit, contents);
    for (const auto& provider : config.oidc_providers) {
        const auto name = "provider '" + provider.issuer + "'";
        if (!provider.jwks_file.empty()) {
            contents.look(name + " 'jwks_file'",
                          [&] { static_cast<void>(sts::PinnedKeys(provider.jwks_file)); });
        }
        contents.certificates(name + " 'ca_file'", provider.ca_file);
    }
    look_at_authorities(config, contents);
    look_at_functions(config.rotation, contents);
    return contents.take();
}

}  // namespace coffer::daemon
