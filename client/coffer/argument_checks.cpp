#include "client/coffer/argument_checks.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "proto/utf8.hpp"

namespace coffer::cli {

namespace {

constexpr std::string_view kWholeRequest = "--cli-input-json";
/// Of the verbs made from the schema; the schema knows nothing of them.
constexpr std::array<std::string_view, 2> kOwn{kWholeRequest, "--starting-token"};
constexpr std::array<std::string_view, 5> kMayBeEmpty{"--description", "--kms-key-id", "--exclude-characters",
                                                      "--prefix", "prefix"};
/// Bytes of the file system or of an environment.
constexpr std::array<std::string_view, 9> kNotSent{kWholeRequest, "--file",   "--folder",
                                                   "folder",      "--config", "--cert-file",
                                                   "--key-file",  "--prefix", "--ca-file"};

bool is_one_of(const auto& names, const CLI::Option& option) {
    return std::ranges::find(names, option.get_name()) != names.end();
}

std::string text_problem(const std::string& text) {
    return proto::utf8_length(text) ? std::string() : "is not text in UTF-8";
}

}  // namespace

void check_arguments(CLI::App& verb) {
    const bool of_schema = verb.get_option_no_throw(std::string(kWholeRequest)) != nullptr;
    for (auto* option : verb.get_options()) {
        if (option->get_items_expected_max() == 0) continue;  // a flag
        if (of_schema && !is_one_of(kOwn, *option)) continue;
        if (!is_one_of(kMayBeEmpty, *option)) {
            const std::string problem = option->get_required()
                                            ? "must not be empty"
                                            : "must not be empty; leave it out if it is not wanted";
            option->check(
                [problem](const std::string& text) { return text.empty() ? problem : std::string(); });
        }
        if (!is_one_of(kNotSent, *option)) option->check(text_problem);
    }
}

}  // namespace coffer::cli
