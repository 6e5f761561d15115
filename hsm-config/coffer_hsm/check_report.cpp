#include "hsm-config/coffer_hsm/check_report.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "hsm-config/coffer_hsm/profile_text.hpp"
#include "hsm-config/coffer_hsm/table.hpp"

namespace coffer::hsm_config {
namespace {

std::string_view to_text(StepResult result) {
    switch (result) {
        case StepResult::ok:
            return "ok";
        case StepResult::note:
            return "note";
        case StepResult::failed:
            return "FAILED";
    }
    return "?";
}

std::string rates_text(const std::vector<Rate>& rates) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& rate : rates) {
        rows.push_back({rate.what, rate.threads == 1 ? "1 thread" : fmt::format("{} threads", rate.threads),
                        fmt::format("{:>9.0f} per second", rate.per_second)});
    }
    return columns(rows, 2);
}

boost::json::object profile_json(const crypto::Profile& profile) {
    return {{"name", profile.name},
            {"threads", profile.threads},
            {"max_call_bytes", profile.max_call_bytes},
            {"iv_mode", hsm_config::to_text(profile.iv_mode)},
            {"key_wrap_mechanism", profile.key_wrap.mechanism},
            {"unwrap_with_value_len", profile.key_wrap.unwrap_with_value_len},
            {"data_key_handles", profile.data_key_handles},
            {"copy_master_keys", profile.copy_master_keys},
            {"wrap_with_trusted", profile.wrap_with_trusted},
            {"module_arguments", profile.module_arguments}};
}

}  // namespace

std::string report_table(const Findings& findings) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& step : findings.steps) {
        rows.push_back({step.name, std::string(to_text(step.verdict.result)), step.verdict.detail});
        if (!step.verdict.advice.empty()) rows.push_back({"", "", "-> " + step.verdict.advice});
    }
    auto out = columns(rows);
    if (!findings.usable()) {
        out += "\nThe daemon could not use this token. ";
        out += findings.steps.back().verdict.result == StepResult::failed
                   ? "The steps after the one that failed were not tried, or rest on it.\n"
                   : "See the steps that failed.\n";
        return out;
    }
    out += "\nmechanisms\n";
    for (const auto& mechanism : findings.mechanisms) out += "  " + mechanism + '\n';
    if (!findings.rates.empty()) out += "\nrates\n" + rates_text(findings.rates);
    return out + "\nprofile\n" + profile_as_toml(findings.profile, {});
}

std::string report_json(const Findings& findings) {
    boost::json::object out{{"usable", findings.usable()}};
    if (findings.token) {
        out["token"] = {{"label", findings.token->label},
                        {"serial", findings.token->serial},
                        {"model", findings.token->model},
                        {"manufacturer", findings.token->manufacturer}};
    }
    auto& steps = out["steps"].emplace_array();
    for (const auto& step : findings.steps) {
        steps.push_back(
            {{"name", step.name},
             {"result", step.verdict.result == StepResult::failed ? "failed" : to_text(step.verdict.result)},
             {"detail", step.verdict.detail},
             {"advice", step.verdict.advice}});
    }
    if (findings.usable()) {
        out["mechanisms"] = boost::json::value_from(findings.mechanisms);
        auto& rates = out["rates"].emplace_array();
        for (const auto& rate : findings.rates) {
            rates.push_back(
                {{"what", rate.what}, {"threads", rate.threads}, {"per_second", rate.per_second}});
        }
        out["profile"] = profile_json(findings.profile);
    }
    return boost::json::serialize(out) + '\n';
}

}  // namespace coffer::hsm_config
