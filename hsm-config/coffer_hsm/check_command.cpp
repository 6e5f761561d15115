#include <fmt/format.h>

#include <cstdio>
#include <fstream>

#include "hsm-config/coffer_hsm/check_report.hpp"
#include "hsm-config/coffer_hsm/commands.hpp"
#include "hsm-config/coffer_hsm/profile_text.hpp"

namespace coffer::hsm_config {
namespace {

void write_profile(const std::filesystem::path& file, const Findings& findings) {
    std::ofstream out(file, std::ios::trunc);
    out << profile_as_toml(findings.profile,
                           fmt::format("Measured by coffer-hsm check on token \"{}\" ({}, serial {}).\n",
                                       findings.token->label, findings.token->model, findings.token->serial));
    out.close();
    if (!out) throw Error(fmt::format("the profile cannot be written to {}", file.string()));
}

}  // namespace

int check_command(const CheckOptions& options) {
    const auto findings = run_probe(options);
    std::fputs(
        (options.token.output == Output::json ? report_json(findings) : report_table(findings)).c_str(),
        stdout);
    if (!findings.usable()) return kExitFailed;
    if (!options.write_profile.empty()) write_profile(options.write_profile, findings);
    return kExitOk;
}

}  // namespace coffer::hsm_config
