#pragma once
// Where the token's PIN comes from: a file, read at each login and wiped afterwards. Never the
// configuration's text, the environment or a command line.

#include <filesystem>

#include "crypto/secret_bytes.hpp"

namespace coffer::crypto {

class PinSource {
public:
    /// `file` must be as private as daemon/base/private_file_rule.hpp wants it (a systemd credential is).
    /// Checked at every read, since the file may be replaced.
    [[nodiscard]] static PinSource from_file(std::filesystem::path file);

    /// The PIN: the file's first line without its line end, 1 to 255 bytes. Throws Error that names the file
    /// and what is wrong with it, never its content.
    [[nodiscard]] SecretBytes read() const;
    [[nodiscard]] const std::filesystem::path& file() const noexcept { return file_; }

private:
    explicit PinSource(std::filesystem::path file);
    std::filesystem::path file_;
};

}  // namespace coffer::crypto
