#pragma once
// The tree of verbs and options as completion needs it: what may stand where.

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coffer::cli {

// What a value is, as the option's type name: --help shows it, and completion goes by it. An option of other
// types has values that cannot be guessed, or those of its CLI::IsMember.
inline constexpr const char* kTypeSecret = "SECRET";  ///< the name of a secret, or its ARN
inline constexpr const char* kTypePrefix = "PREFIX";  ///< how names of secrets begin
inline constexpr const char* kTypeFile = "FILE";
inline constexpr const char* kTypeFolder = "FOLDER";
inline constexpr const char* kTypeLabel = "LABEL";  ///< a staging label

/// What may be offered for a value.
struct Values {
    enum class Kind { none, words, secrets, files, folders };
    Kind kind = Kind::none;
    std::vector<std::string> words;  ///< of Kind::words

    friend bool operator==(const Values&, const Values&) = default;
};

struct CompletedOption {
    std::vector<std::string> names;  ///< "--field", "-q"
    std::string description;
    bool takes_value = false;
    bool takes_several = false;
    Values values;
};

/// A verb, or a group of verbs, or the command itself.
struct Place {
    std::string path;                                        ///< "", "get", "iam create-user"
    std::vector<std::pair<std::string, std::string>> verbs;  ///< the next word, and its description
    std::vector<CompletedOption> options;                    ///< its own, without those of the command
    std::vector<Values> arguments;                           ///< one after the other
};

/// The command itself first. No option's name comes twice in a place, nor in a place and the first.
[[nodiscard]] std::vector<Place> places_of(const CLI::App& app);

}  // namespace coffer::cli
