#pragma once
// Where the value of an option comes from: the command line itself, a file (file://, fileb://), standard
// input (-).

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "crypto/secret_bytes.hpp"

namespace coffer::cli {

/// A request holds at most 1 MiB, so no value can be larger.
inline constexpr std::size_t kParameterBytesMax = 1024 * 1024;

enum class Source : std::uint8_t { literal, text_file, binary_file, standard_input };

/// An option's value, not yet read: "file://notes.txt" is {text_file, "notes.txt"}.
struct Parameter {
    Source source = Source::literal;
    std::string_view where;  ///< the text itself, or the file; a part of what parse_parameter was given
};

/// "-" is standard input only where `stdin_allowed`.
[[nodiscard]] Parameter parse_parameter(std::string_view argument, bool stdin_allowed);

/// The bytes of a file, exactly; "~/" is the home folder. Throws Failure, naming the file.
[[nodiscard]] crypto::SecretBytes read_file(const std::filesystem::path& file);

/// All of standard input, exactly: no byte is added, removed or changed. Throws Failure.
[[nodiscard]] crypto::SecretBytes read_standard_input();

/// A value from standard input: all of it, exactly; or, when that is a terminal, a line that is asked for
/// twice as `prompt` and not shown while it is typed. Throws Failure.
[[nodiscard]] crypto::SecretBytes read_hidden_or_piped(const std::string& prompt);

/// The text of an option that is not secret. `option` is named in errors ("--description"). Throws UsageError
/// for text that is not UTF-8.
[[nodiscard]] std::string read_text(std::string_view argument, std::string_view option);

/// What an option of a secret value may be given as.
struct SecretRules {
    std::string option;              ///< for messages
    bool text = true;                ///< a string, not binary: file:// holds it as it is, not as base64
    bool allow_argv_value = false;   ///< --allow-argv-value
    bool raw_in_base64_out = false;  ///< --cli-binary-format raw-in-base64-out
};

/// The value of an option that holds a secret. Text: file:// and fileb:// and "-" as they are. Binary:
/// fileb:// and
/// "-" as they are, file:// as base64 (the AWS CLI v2's default). A value on the command line itself is
/// refused unless allowed: every user of the machine can read command lines. Throws UsageError, also for a
/// text that is not UTF-8, and Failure.
[[nodiscard]] crypto::SecretBytes read_secret(std::string_view argument, const SecretRules& rules);

/// Decodes RFC 4648 base64; blanks and line ends are skipped. Throws UsageError, naming `option`.
[[nodiscard]] crypto::SecretBytes from_base64(std::string_view text, std::string_view option);

}  // namespace coffer::cli
