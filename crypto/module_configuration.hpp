#pragma once
// Why a module that keeps its token in files may refuse to start: it answers CKR_GENERAL_ERROR for whatever
// is wrong, and the files can be looked at. Pure diagnosis; nothing is opened or changed.

#include <filesystem>
#include <string>

namespace coffer::crypto {

/// What to do about a C_Initialize that failed: names the file or folder that this user cannot use, when one
/// of SoftHSM2's configuration ($SOFTHSM2_CONF, ~/.config/softhsm2/softhsm2.conf, /etc/softhsm/softhsm2.conf:
/// softhsm2.conf(5)), the token folder in it, or `token_dir` (may be empty) is missing or closed; a general
/// word otherwise. `module` is the PKCS#11 library. Never throws because of what it finds.
[[nodiscard]] std::string initialize_advice(const std::filesystem::path& module,
                                            const std::filesystem::path& token_dir);

}  // namespace coffer::crypto
