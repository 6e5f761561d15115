#pragma once
// Why a module that keeps its token in files may refuse to start: it answers CKR_GENERAL_ERROR for whatever
// is wrong, and the files can be looked at. Pure diagnosis; nothing is opened or changed.

#include <filesystem>
#include <optional>
#include <string>

namespace coffer::crypto {

/// The first file or folder of a token in software that this user cannot use, in words; nothing when all can
/// be used, or when the module is another. Looks at SoftHSM2's configuration ($SOFTHSM2_CONF,
/// ~/.config/softhsm2/softhsm2.conf, /etc/softhsm/softhsm2.conf: softhsm2.conf(5)), at the token folder in
/// it, and at `token_dir` (may be empty). `module` is the PKCS#11 library. Does not throw because of what it
/// finds.
[[nodiscard]] std::optional<std::string> file_problem(const std::filesystem::path& module,
                                                      const std::filesystem::path& token_dir);

/// What to do about a C_Initialize that failed: file_problem(), or a general word.
[[nodiscard]] std::string initialize_advice(const std::filesystem::path& module,
                                            const std::filesystem::path& token_dir);

}  // namespace coffer::crypto
