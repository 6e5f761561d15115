#pragma once
// The text of an account's authorized_keys (sshd(8), AUTHORIZED_KEYS FILE FORMAT): lines added and taken out,
// all others left as they are; and the commands that read and replace the file over there. Pure.

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

/// What POSIX cksum(1) prints of `text` on its standard input: CRC and number of bytes, without the end of
/// line.
[[nodiscard]] std::string posix_checksum(std::string_view text);

/// For an account's login shell: prints "coffer", the file's checksum, and the file. Exits with 3 where there
/// is no file, with 4 where the account may not change it.
[[nodiscard]] std::string command_that_reads_keys();

/// For an account's login shell: puts standard input in the file's place, in one step and with the file's
/// mode, and prints "coffer done". Exits with 5, and changes nothing, when the file's checksum is not
/// `old_checksum` any more (digits and a blank: it becomes part of the command); with 6 when what came is not
/// `text` as a whole: a connection that breaks ends standard input as if that were all.
[[nodiscard]] std::string command_that_writes_keys(std::string_view old_checksum, std::string_view text);

}  // namespace coffer::rotation
