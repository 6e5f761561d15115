#pragma once
// What a make of token can do and how it wants to be used. Read from hsm-config/*.toml; `coffer-hsm check`
// measures a token and writes one.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "crypto/key_wrap.hpp"

namespace coffer::crypto {

/// Who makes the IV of a GCM encryption (docs/tokens.md has which vendor does what).
enum class IvMode : std::uint8_t {
    caller = 1,        ///< we do, from C_GenerateRandom
    written_back = 2,  ///< the token does and returns it in the parameter block (CloudHSM)
    appended = 3,      ///< the token ignores ours and appends its own to the ciphertext (Luna in FIPS mode)
};

struct Profile {
    std::string name;
    /// Sessions that work in parallel, one thread each. 1 for software tokens, which lock globally.
    std::size_t threads = 1;
    /// Longest plaintext of one C_Encrypt call, in bytes; longer payloads are cut into segments.
    std::size_t max_call_bytes = 65536;
    IvMode iv_mode = IvMode::caller;
    /// How AES Key Wrap is asked for.
    KeyWrap key_wrap;
    /// Unwrapped data keys kept as session objects, at most.
    std::size_t data_key_handles = 1000;
    /// Copy each master key once into a session object (C_CopyObject); faster where the token allows it.
    bool copy_master_keys = true;
    /// Ask for CKA_WRAP_WITH_TRUSTED on data keys (the token enforces it, and master keys are CKA_TRUSTED).
    bool wrap_with_trusted = false;
    /// Passed as pReserved of C_Initialize. `{dir}` stands for the folder of the token's own files. Empty for
    /// most modules.
    std::string module_arguments;
};

/// Reads a profile. Throws Error naming the file, the key and the line for anything unknown, of the wrong
/// type or out of range.
[[nodiscard]] Profile load_profile(const std::filesystem::path& file);

}  // namespace coffer::crypto
