#include "daemon/server/certificate_config.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <boost/url/parse.hpp>
#include <set>
#include <string_view>

#include "daemon/certificates/allowed_names.hpp"
#include "daemon/certificates/key_pair.hpp"
#include "daemon/server/rotation_config.hpp"
#include "daemon/server/token_uris.hpp"

namespace coffer::server {

namespace {

using Need = TableReader::Need;

constexpr std::size_t kAuthoritiesMost = 100;
constexpr std::size_t kAuthorityNameMost = 64;
constexpr std::int64_t kDaysMost = 3'650;
constexpr std::int64_t kListDaysMost = 365;
constexpr std::size_t kPatternsMost = 1'000;

/// As coffer-hsm has names of authorities; they are part of paths.
bool is_name_of_authority(std::string_view name) {
    return !name.empty() && name.size() <= kAuthorityNameMost &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
               std::string_view::npos;
}

void read_list_url(TableReader& reader, std::string& text) {
    if (!reader.read_text("crl_url", text)) return;
    const auto url = boost::urls::parse_uri(text);
    const bool good =
        url && !url->host().empty() && !url->has_userinfo() && !url->has_fragment() &&
        (url->scheme_id() == boost::urls::scheme::http || url->scheme_id() == boost::urls::scheme::https);
    if (!good) {
        reader.complain("crl_url",
                        "must be the address that clients fetch the revocation list from: "
                        "\"http://HOST/crl/NAME.crl\"");
    }
}

CertificateAuthoritySection read_authority(const toml::table& table, ConfigProblems& problems) {
    TableReader reader(table, "[[certificate_authority]]", problems);
    CertificateAuthoritySection authority;
    if (reader.read_text("name", authority.name, Need::required) && !is_name_of_authority(authority.name)) {
        reader.complain("name", "must be 1 to 64 of A-Z, a-z, 0-9, '-' and '_'");
    }
    if (reader.read_text("key", authority.key)) check_key_uri(reader, "key", authority.key);
    reader.read_path("certificate", authority.certificate, Need::required);
    reader.read_integer("max_days", authority.max_days, 1, kDaysMost);
    reader.read_integer("crl_days", authority.crl_days, 1, kListDaysMost);
    reader.read_path("crl_file", authority.crl_file);
    read_list_url(reader, authority.crl_url);
    reader.finish();
    return authority;
}

void read_allowed_names(TableReader& reader, CertificateFunctionSection& function) {
    reader.read_texts("allowed_names", function.allowed_names);
    reader.read_flag("allow_wildcards", function.allow_wildcards);
    if (function.allowed_names.empty()) {
        reader.complain(reader.has("allowed_names") ? "allowed_names" : "kind",
                        "'allowed_names' must say which names this function may have certified, by patterns: "
                        "[\"*.app.example.com\"]; whoever may write a secret chooses the names in it");
        return;
    }
    if (function.allowed_names.size() > kPatternsMost) {
        reader.complain("allowed_names", "there may be 1000 patterns at most");
    }
    try {
        static_cast<void>(certificates::AllowedNames(function.allowed_names, function.allow_wildcards));
    } catch (const certificates::CertificateError& error) {
        reader.complain("allowed_names", error.what());
    }
}

void read_key_types(TableReader& reader, std::vector<std::string>& types) {
    if (!reader.read_texts("key_types", types)) return;
    const bool good = !types.empty() && std::ranges::all_of(types, [](const std::string& type) {
        return certificates::key_type_of(type).has_value();
    });
    if (good) return;
    std::string known;
    for (const auto& each : certificates::kKeyTypes) {
        known += (known.empty() ? "\"" : ", \"") + std::string(each.name) + "\"";
    }
    reader.complain("key_types", "must be a list of one or more of " + known);
}

void read_usages(TableReader& reader, std::vector<std::string>& usages) {
    if (!reader.read_texts("usages", usages)) return;
    const bool good = !usages.empty() && std::ranges::all_of(usages, [](const std::string& usage) {
        return usage == "server" || usage == "client";
    });
    if (!good) reader.complain("usages", "must be a list of \"server\", \"client\", or both");
}

}  // namespace

CertificateFunctionSection read_certificate_function(TableReader& reader) {
    CertificateFunctionSection function;
    const bool own = reader.read_text("authority", function.authority);
    if (own == reader.has("program")) {
        reader.complain(
            own ? "program" : "kind",
            "exactly one of 'authority' (a [[certificate_authority]]) and 'program' (a [[program]] of "
            "runner.toml that asks another CA) says who issues");
    }
    if (reader.has("program")) read_program_name(reader, function.program);
    if (reader.read_path("ca_file", function.ca_file) && own) {
        reader.complain("ca_file", "goes with 'program'; an authority of the configuration is known");
    }
    if (!own && reader.has("program") && !reader.has("ca_file")) {
        reader.complain("program",
                        "needs 'ca_file': the CA certificates that what the program prints has to lead to");
    }
    read_key_types(reader, function.key_types);
    read_usages(reader, function.usages);
    reader.read_integer("days", function.days, 1, kDaysMost);
    reader.read_integer("renew_before_days", function.renew_before_days, 1, kDaysMost);
    if (function.renew_before_days >= function.days) {
        reader.complain("renew_before_days", "must be less than 'days'");
    }
    read_allowed_names(reader, function);
    if (reader.read_flag("revoke_superseded", function.revoke_superseded) && function.revoke_superseded &&
        !own) {
        reader.complain("revoke_superseded", "goes with 'authority': another CA revokes by itself");
    }
    return function;
}

void read_certificate_authorities(TableReader& root, Config& config, ConfigProblems& problems) {
    std::set<std::string> names;
    std::set<std::string> files;
    std::set<std::string> certificates;
    for (const toml::table* table : root.find_tables("certificate_authority")) {
        auto authority = read_authority(*table, problems);
        TableReader reader(*table, "[[certificate_authority]]", problems);
        if (!authority.name.empty() && !names.insert(authority.name).second) {
            reader.complain("name", "\"" + authority.name + "\" names another authority as well");
        }
        // Two in one file would take turns to write over each other.
        const auto file = authority.crl_file.lexically_normal().string();
        if (!file.empty() && !files.insert(file).second) {
            reader.complain("crl_file",
                            file + " is another authority's as well: each needs a file of its own");
        }
        const auto certificate = authority.certificate.lexically_normal().string();
        if (!certificate.empty() && !certificates.insert(certificate).second) {
            reader.complain("certificate",
                            certificate +
                                " is another authority's as well: one key has one list, so that "
                                "it is one authority");
        }
        config.certificate_authorities.push_back(std::move(authority));
    }
    if (config.certificate_authorities.size() > kAuthoritiesMost) {
        problems.add(0, "there are more than 100 [[certificate_authority]]");
    }
}

void require_known_authorities(TableReader& root, const Config& config, ConfigProblems& problems) {
    const auto tables = root.find_tables("rotation_function");
    for (std::size_t i = 0; i < tables.size() && i < config.rotation.functions.size(); ++i) {
        const auto* function = std::get_if<CertificateFunctionSection>(&config.rotation.functions[i].kind);
        if (function == nullptr || function->authority.empty()) continue;
        TableReader reader(*tables[i], "[[rotation_function]]", problems);
        const auto found = std::ranges::find(config.certificate_authorities, function->authority,
                                             &CertificateAuthoritySection::name);
        if (found == config.certificate_authorities.end()) {
            reader.complain("authority",
                            "there is no [[certificate_authority]] named \"" + function->authority + "\"");
        } else if (function->days > found->max_days) {
            reader.complain(reader.has("days") ? "days" : "authority",
                            "certificates of " + std::to_string(function->days) +
                                " days are longer than the authority's max_days, " +
                                std::to_string(found->max_days));
        }
    }
}

}  // namespace coffer::server
