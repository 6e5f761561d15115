// coffer certificate: what rotations have issued, who issues, and what is revoked.

#include <fmt/format.h>

#include <charconv>
#include <memory>
#include <string>

#include "client/coffer/columns.hpp"
#include "client/coffer/command.hpp"
#include "client/coffer/completion_tree.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/timestamp.hpp"

namespace coffer::cli {

namespace {

// ---- authorities, crl -------------------------------------------------------------------------------------

void run_authorities(Context& context) {
    v1::Request request;
    request.mutable_list_certificate_authorities();
    const auto response = context.call(std::move(request));
    const auto& answer = response.list_certificate_authorities();
    if (!context.options().output.empty()) return context.show("ListCertificateAuthorities", answer);
    if (answer.authorities().empty()) {
        return say(
            "the configuration of this node has no [[certificate_authority]] (docs/certificates.md)\n");
    }
    Columns columns({"NAME", "ENDS", "CRL", "NEXT CRL BY", "SUBJECT"});
    for (const auto& authority : answer.authorities()) {
        columns.add({authority.name(), short_time(authority.not_after()), authority.revocation_list_number(),
                     authority.has_next_update() ? short_time(authority.next_update()) : "",
                     authority.subject()});
    }
    print(columns.text());
}

void run_crl(Context& context, const std::string& authority) {
    v1::Request request;
    request.mutable_get_certificate_revocation_list()->set_authority(authority);
    const auto response = context.call(std::move(request));
    const auto& answer = response.get_certificate_revocation_list();
    if (!context.options().output.empty()) return context.show("GetCertificateRevocationList", answer);
    print(answer.revocation_list());
}

// ---- list -------------------------------------------------------------------------------------------------

struct CertificateListOptions {
    std::string authority;
    std::string expiring_in;
    bool expired = false;
};

/// "30d" or "30".
std::int64_t days_of(const std::string& text) {
    std::int64_t days = 0;
    const auto digits = text.ends_with('d') ? text.substr(0, text.size() - 1) : text;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), days);
    if (digits.empty() || parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size()) {
        throw UsageError("--expiring-in must be a number of days, such as 30d");
    }
    return days;
}

void show_certificates(const google::protobuf::RepeatedPtrField<v1::IssuedCertificate>& certificates) {
    Columns columns({"SECRET", "ENDS", "REVOKED", "AUTHORITY", "SERIAL", "NAMES"});
    for (const auto& each : certificates) {
        columns.add({each.name(), short_time(each.not_after()), each.reason(),
                     each.has_authority() ? each.authority() : "(external)", each.serial_number(),
                     each.names()});
    }
    print(columns.text());
}

void run_certificate_list(Context& context, const CertificateListOptions& options) {
    constexpr std::int64_t kPage = 1000;
    v1::ListCertificatesResponse all;
    std::string token;
    do {
        v1::Request request;
        auto& asked = *request.mutable_list_certificates();
        asked.set_max_results(kPage);
        if (!options.authority.empty()) asked.set_authority(options.authority);
        if (!options.expiring_in.empty()) asked.set_expiring_in_days(days_of(options.expiring_in));
        if (options.expired) asked.set_include_expired(true);
        if (!token.empty()) asked.set_next_token(token);
        const auto response = context.call(std::move(request));
        token = response.list_certificates().next_token();
        for (const auto& each : response.list_certificates().certificates()) *all.add_certificates() = each;
    } while (!token.empty());
    if (!context.options().output.empty()) return context.show("ListCertificates", all);
    if (all.certificates().empty()) return say("there is no such certificate\n");
    show_certificates(all.certificates());
}

// ---- revoke -----------------------------------------------------------------------------------------------

struct RevokeOptions {
    std::string secret;
    std::string authority;
    std::string serial;
    std::string reason;
};

void run_revoke(Context& context, const RevokeOptions& options) {
    if (options.secret.empty() == options.serial.empty()) {
        throw UsageError("give --secret-id for all certificates of a secret, or --serial for one");
    }
    if (!options.authority.empty() && options.serial.empty()) {
        throw UsageError("--authority goes with --serial");
    }
    v1::Request request;
    auto& asked = *request.mutable_revoke_certificate();
    if (!options.secret.empty()) asked.set_secret_id(options.secret);
    if (!options.serial.empty()) {
        asked.set_serial_number(options.authority.empty() ? options.serial
                                                          : options.authority + "/" + options.serial);
    }
    asked.set_reason(options.reason);
    const auto response = context.call(std::move(request));
    const auto& answer = response.revoke_certificate();
    if (!context.options().output.empty()) return context.show("RevokeCertificate", answer);
    show_certificates(answer.certificates());
    for (const auto& each : answer.certificates()) {
        if (each.has_revoked_date()) continue;
        throw Failure(fmt::format("{} is not revoked: the node does not have its authority, \"{}\"",
                                  each.serial_number(), each.authority()));
    }
}

void add_certificate_list(CLI::App& certificate, Commands& commands) {
    auto options = std::make_shared<CertificateListOptions>();
    auto* verb = add_verb(certificate, "list", "List certificates that rotations have issued, by their end",
                          {"coffer certificate list --expiring-in 30d",
                           "coffer certificate list --authority issuing --expired"});
    verb->add_option("--authority", options->authority, "only those of this authority");
    verb->add_option("--expiring-in", options->expiring_in, "only those that end within so many days: 30d");
    verb->add_flag("--expired", options->expired, "those that have ended, too");
    commands.push_back(
        {verb, [options](Context& context) { run_certificate_list(context, *options); }, true});
}

void add_revoke(CLI::App& certificate, Commands& commands) {
    auto options = std::make_shared<RevokeOptions>();
    auto* verb = add_verb(
        certificate, "revoke", "Put certificates on their authority's revocation list; cannot be undone",
        {"coffer certificate revoke --secret-id app/tls --reason keyCompromise",
         "coffer certificate revoke --serial 5f0c... --reason superseded",
         "coffer certificate revoke --authority issuing --serial 5f0c... --reason keyCompromise"});
    verb->add_option("--secret-id", options->secret,
                     "a secret's name or ARN: all of its certificates that have not ended")
        ->type_name(kTypeSecret);
    verb->add_option("--serial", options->serial, "one, by its serial number in hexadecimal");
    verb->add_option("--authority", options->authority,
                     "who issued it: with this, one that is not on record is revoked, too");
    verb->add_option("--reason", options->reason, "as RFC 5280 names it")
        ->required()
        ->check(CLI::IsMember({"unspecified", "keyCompromise", "affiliationChanged", "superseded",
                               "cessationOfOperation", "privilegeWithdrawn"}));
    commands.push_back({verb, [options](Context& context) { run_revoke(context, *options); }, true});
}

}  // namespace

void add_certificate(CLI::App& app, Commands& commands) {
    auto* certificate =
        app.add_subcommand("certificate", "Certificates that rotations issue: see and revoke them");
    certificate->fallthrough();
    certificate->group("Groups of verbs");
    certificate->require_subcommand(1);
    certificate->footer(
        "Examples:\n"
        "  coffer certificate authorities\n"
        "  coffer certificate list --expiring-in 30d\n"
        "  coffer certificate crl issuing | openssl crl -noout -text\n"
        "\nThe manual is docs/certificates.md.");
    auto* authorities =
        add_verb(*certificate, "authorities", "List the certificate authorities of the configuration",
                 {"coffer certificate authorities"});
    commands.push_back({authorities, [](Context& context) { run_authorities(context); }, true});
    add_certificate_list(*certificate, commands);
    add_revoke(*certificate, commands);
    auto name = std::make_shared<std::string>();
    auto* crl = add_verb(*certificate, "crl", "Print the revocation list of an authority (PEM)",
                         {"coffer certificate crl issuing > issuing.crl"});
    crl->add_option("NAME", *name, "the authority's name")->required();
    commands.push_back({crl, [name](Context& context) { run_crl(context, *name); }, true});
}

}  // namespace coffer::cli
