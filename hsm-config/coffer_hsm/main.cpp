// coffer-hsm: prepares a token for Coffer, and finds out what it can do. docs/coffer-hsm.md is its manual.

#include <sys/prctl.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <map>

#include "crypto/module_configuration.hpp"
#include "crypto/pkcs11_error.hpp"
#include "crypto/secret_bytes.hpp"
#include "daemon/base/standard_streams.hpp"
#include "hsm-config/coffer_hsm/ca_commands.hpp"
#include "hsm-config/coffer_hsm/commands.hpp"

namespace {

using namespace coffer::hsm_config;

/// For the PINs, and an authority's key that is brought into the token; a power of two.
constexpr std::size_t kSecureHeapBytes = 256 * 1024;

enum class Need { required, optional };

void add_token_options(CLI::App& command, TokenOptions& options, Need need) {
    const bool required = need == Need::required;
    command.add_option("--module", options.module, "the token's PKCS#11 library")
        ->required()
        ->type_name("FILE");
    command
        .add_option("--token-uri,--token", options.token_uri,
                    "RFC 7512 URI with token= and/or serial=, e.g. 'pkcs11:token=coffer'")
        ->required(required)
        ->type_name("URI");
    command
        .add_option("--pin-file", options.pin_file,
                    "file (mode 0600) with the user PIN in its first line; - for standard input")
        ->required(required)
        ->type_name("FILE");
    command
        .add_option("--profile", options.profile, "token profile, for its module_arguments (NSS needs them)")
        ->type_name("FILE");
    command.add_option("--token-dir", options.token_dir, "what {dir} in module_arguments stands for")
        ->type_name("DIR");
    static const std::map<std::string, Output> kOutputs{{"table", Output::table}, {"json", Output::json}};
    command.add_option("--output", options.output, "table (default) or json")
        ->transform(CLI::CheckedTransformer(kOutputs).description(""))
        ->type_name("FORMAT");
}

void add_init(CLI::App& app, InitOptions& options) {
    auto& command =
        *app.add_subcommand("init", "make what is missing of Coffer's keys; nothing is ever overwritten");
    add_token_options(command, options.token, Need::required);
    command
        .add_option("--key", options.key_names,
                    "a master key's name, NAME of alias/NAME; may be repeated (default: default)")
        ->type_name("NAME")
        ->take_all();
    command
        .add_option("--so-pin-file", options.officer_pin_file,
                    "the security officer's PIN: marks the master keys CKA_TRUSTED where the token lets it")
        ->type_name("FILE");
    command
        .add_option(
            "--initialize-token", options.new_token_label,
            "first make a token of this label where the module has a free slot (SoftHSM2), unless it exists")
        ->type_name("LABEL");
    command.footer(
        "Examples:\n"
        "  coffer-hsm init --module /usr/lib/softhsm/libsofthsm2.so --token-uri 'pkcs11:token=coffer' \\\n"
        "      --initialize-token coffer --so-pin-file so-pin --pin-file pin\n"
        "  systemd-creds decrypt pin.cred | coffer-hsm init --module /opt/vendor/lib.so \\\n"
        "      --token-uri 'pkcs11:serial=0123456789' --pin-file - --key payments --key hr");
}

void add_check(CLI::App& app, CheckOptions& options) {
    auto& command = *app.add_subcommand("check", "probe the token step by step, and measure it");
    add_token_options(command, options.token, Need::required);
    command.add_option("--write-profile", options.write_profile, "write what was found as a token profile")
        ->type_name("FILE");
    command.add_option("--name", options.profile_name, "the profile's name (default: the token's model)")
        ->type_name("NAME");
    command
        .add_option("--sessions", options.sessions_max, "sessions and threads to try at most (default 16)")
        ->check(CLI::Range(1, 256))
        ->type_name("N");
    command
        .add_option_function<unsigned>(
            "--rate-ms", [&options](unsigned ms) { options.rate_time = std::chrono::milliseconds(ms); },
            "how long each rate is measured, in milliseconds; 0: not at all (default 200)")
        ->check(CLI::Range(0, 60000))
        ->type_name("N");
    command.footer(
        "Makes a few keys and destroys them. Exit code 1: a step failed, the output says which and what to "
        "change.\n"
        "Example:\n"
        "  coffer-hsm check --module /usr/lib/softhsm/libsofthsm2.so --token-uri 'pkcs11:token=coffer' \\\n"
        "      --pin-file pin --write-profile my-token.toml");
}

void add_list(CLI::App& app, TokenOptions& options) {
    auto& command =
        *app.add_subcommand("list", "list the module's tokens and, with a PIN, Coffer's keys in one");
    add_token_options(command, options, Need::optional);
    command.footer(
        "Examples:\n"
        "  coffer-hsm list --module /usr/lib/softhsm/libsofthsm2.so\n"
        "  coffer-hsm list --module /usr/lib/softhsm/libsofthsm2.so --token-uri 'pkcs11:token=coffer' "
        "--pin-file pin");
}

void add_audit_key(CLI::App& app, AuditKeyOptions& options) {
    auto& command =
        *app.add_subcommand("audit-key", "print the public key that audit journals are verified with (PEM)");
    add_token_options(command, options.token, Need::required);
    command
        .add_option("--generation", options.generation,
                    "which (the oldest that the token holds: coffer-audit follows a journal from it to the "
                    "newest)")
        ->check(CLI::Range(1U, 4294967295U))
        ->type_name("N");
    command.footer(
        "Keep it where nobody who can change the journal can change it as well.\n"
        "Example:\n"
        "  coffer-hsm audit-key --module /usr/lib/softhsm/libsofthsm2.so --token-uri 'pkcs11:token=coffer' "
        "\\\n"
        "      --pin-file pin > audit-public.pem\n"
        "  coffer-audit verify /var/lib/coffer/audit --public-key audit-public.pem");
}

void add_ca_create(CLI::App& ca, CaCreateOptions& options) {
    using coffer::crypto::AuthorityKeyType;
    static const std::map<std::string, AuthorityKeyType> kTypes{{"ec-p256", AuthorityKeyType::ec_p256},
                                                                {"ec-p384", AuthorityKeyType::ec_p384},
                                                                {"rsa-3072", AuthorityKeyType::rsa_3072},
                                                                {"rsa-4096", AuthorityKeyType::rsa_4096}};
    constexpr int kDaysMost = 36'500;
    auto& command = *ca.add_subcommand(
        "create", "make an authority's key in the token, and its certificate or a request for one");
    add_token_options(command, options.token, Need::required);
    command.add_option("--name", options.name, "the authority's name: its key is coffer/ca/NAME")
        ->required()
        ->type_name("NAME");
    command.add_option("--subject", options.subject, "e.g. 'O=Example,CN=Example Issuing CA'")
        ->required()
        ->type_name("DN");
    command.add_option("--key", options.key_type, "ec-p256 (default), ec-p384, rsa-3072 or rsa-4096")
        ->transform(CLI::CheckedTransformer(kTypes).description(""))
        ->type_name("TYPE");
    command.add_flag("--existing-key", options.existing_key,
                     "for the key that is in the token already: to renew its certificate");
    command.add_flag("--self-signed", options.self_signed,
                     "sign the certificate with the key itself: a root");
    command.add_option("--days", options.days, "how long it is good, with --self-signed")
        ->check(CLI::Range(1, kDaysMost))
        ->type_name("N");
    command.add_option("--out", options.out, "where the certificate goes, with --self-signed")
        ->type_name("FILE");
    command.add_option("--csr-out", options.request_out, "where the request goes, for another CA to sign")
        ->type_name("FILE");
    command.footer(
        "Files are not overwritten, nor is a key. The authority issues to those who are no CAs (path length "
        "0).\n"
        "Example:\n"
        "  coffer-hsm ca create --module /usr/lib/softhsm/libsofthsm2.so --token-uri 'pkcs11:token=coffer' "
        "\\\n"
        "      --pin-file pin --name issuing --subject 'O=Example,CN=Example Issuing CA' --csr-out "
        "issuing.csr");
}

void add_ca_import(CLI::App& ca, CaImportOptions& options) {
    auto& command = *ca.add_subcommand("import", "bring an existing authority's key into the token");
    add_token_options(command, options.token, Need::required);
    command.add_option("--name", options.name, "the authority's name: its key becomes coffer/ca/NAME")
        ->required()
        ->type_name("NAME");
    command.add_option("--key", options.key, "its private key, PEM without a passphrase (mode 0600)")
        ->required()
        ->type_name("FILE");
    command.add_option("--certificate", options.certificate, "its certificate, PEM; others may follow it")
        ->required()
        ->type_name("FILE");
    command.footer(
        "The file with the key stays: remove it, and whatever copies there are.\n"
        "What the authority has revoked is not brought along: put its revocation list, in DER or PEM,\n"
        "where crl_file will be, on every node, before cofferd is started with the authority.\n"
        "Example:\n"
        "  coffer-hsm ca import --module /usr/lib/softhsm/libsofthsm2.so --token-uri 'pkcs11:token=coffer' "
        "\\\n"
        "      --pin-file pin --name issuing --key issuing.key --certificate issuing.pem");
}

/// Runs a command; a module that does not start gets a word about why.
template <class Command>
int explained(const TokenOptions& token, Command command) {
    try {
        return command();
    } catch (const coffer::crypto::Pkcs11Error& error) {
        if (error.function() != "C_Initialize") throw;
        throw coffer::Error(std::string(error.what()) + "; " +
                            coffer::crypto::initialize_advice(token.module, token.token_dir));
    }
}

int run(int argc, char** argv) {
    CLI::App app{"Prepares a PKCS#11 token for Coffer, and finds out what it can do.", "coffer-hsm"};
    app.require_subcommand(1);
    app.footer(
        "PINs come from files or standard input only. Exit codes: 0 done, 1 a step failed, 2 wrong usage.\n"
        "coffer-hsm COMMAND --help has each command's options.");
    InitOptions init;
    CheckOptions check;
    TokenOptions list;
    AuditKeyOptions audit_key;
    CaCreateOptions ca_create;
    CaImportOptions ca_import;
    add_init(app, init);
    add_check(app, check);
    add_list(app, list);
    add_audit_key(app, audit_key);
    auto& ca = *app.add_subcommand("ca", "keys of certificate authorities");
    ca.require_subcommand(1);
    add_ca_create(ca, ca_create);
    add_ca_import(ca, ca_import);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kExitOk : kExitUsage;
    }
    static_cast<void>(coffer::crypto::init_secure_heap(kSecureHeapBytes));
    if (app.got_subcommand("init")) return explained(init.token, [&] { return init_command(init); });
    if (app.got_subcommand("check")) return explained(check.token, [&] { return check_command(check); });
    if (app.got_subcommand("audit-key")) {
        return explained(audit_key.token, [&] { return audit_key_command(audit_key); });
    }
    if (ca.got_subcommand("create")) {
        return explained(ca_create.token, [&] { return ca_create_command(ca_create); });
    }
    if (ca.got_subcommand("import")) {
        return explained(ca_import.token, [&] { return ca_import_command(ca_import); });
    }
    return explained(list, [&] { return list_command(list); });
}

}  // namespace

int main(int argc, char** argv) {
    coffer::reserve_standard_streams();
    // PINs and, for a moment, keys of authorities are in here: a module that crashes leaves no core, and a
    // debugger of the same user sees nothing.
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    try {
        return run(argc, argv);
    } catch (const UsageError& error) {
        std::fprintf(stderr, "coffer-hsm: %s\n", error.what());
        return kExitUsage;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "coffer-hsm: %s\n", error.what());
        return kExitFailed;
    }
}
