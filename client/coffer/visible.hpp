#pragma once
// Other people's text on a terminal: what would steer it is shown instead.

#include <string_view>

#include "client/coffer/secret_text.hpp"

namespace coffer::cli {

/// What a program reads stays as it is.
enum class Reader : bool { program, terminal };

/// `text` with each control character (proto::is_control) as JSON writes it, "\n", "\u001b", "\u202e", and
/// each byte that is not UTF-8 as "\xff"; but for those ASCII characters that are `kept`.
[[nodiscard]] SecretText visible(std::string_view text, std::string_view kept = {});

/// The same for lines: keeps line ends ("\n" and "\r\n") and tabs.
[[nodiscard]] SecretText visible_lines(std::string_view text);

}  // namespace coffer::cli
