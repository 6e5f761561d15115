#pragma once
// The text of an account's authorized_keys (sshd(8), AUTHORIZED_KEYS FILE FORMAT): lines added and taken out,
// all others left as they are. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace coffer::rotation {

/// The key of "ssh-ed25519 AAAA... COMMENT", or of a line with options before that: its base64. Empty when
/// there is none.
[[nodiscard]] std::string_view key_of_line(std::string_view line);

/// `text` with `line` behind the line of `beside`'s key, with the options of that: what the one key may do,
/// and from where, the other may as well. As it is when the key of `line` is there already. Nothing when
/// there is no line of `beside`.
[[nodiscard]] std::optional<std::string> with_key(std::string_view text, std::string_view line,
                                                  std::string_view beside);

/// `text` without the lines whose comment begins with `mark`, but for those of the keys of `kept` and
/// `also_kept`: what somebody else has put there stays.
[[nodiscard]] std::string without_others(std::string_view text, std::string_view mark, std::string_view kept,
                                         std::string_view also_kept);

}  // namespace coffer::rotation
