#pragma once
// What --help says about the verbs of `aws secretsmanager`.

#include <string>
#include <string_view>
#include <vector>

namespace coffer::cli {

struct VerbHelp {
    std::string_view verb;
    std::string_view description;
    std::vector<std::string> examples;
};

/// The help of a verb ("get-secret-value"). Every operation has one; the tests see to it.
[[nodiscard]] const VerbHelp& help_of(std::string_view verb);
/// The same for a verb of `coffer iam` ("create-user").
[[nodiscard]] const VerbHelp& iam_help_of(std::string_view verb);
/// The same for a verb of `coffer sts` ("assume-role").
[[nodiscard]] const VerbHelp& sts_help_of(std::string_view verb);

}  // namespace coffer::cli
