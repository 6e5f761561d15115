#pragma once
// A PIN from a file or from standard input. Never from an argument or the environment, where other processes
// and logs would see it.

#include <string>

#include "crypto/pin_source.hpp"

namespace coffer::hsm_config {

/// Keeps a PIN that came through standard input where PinSource can read it: in a file that has no name and
/// lives in memory until this object goes.
class PinInput {
public:
    /// What a terminal is asked.
    struct Question {
        std::string text = "PIN";
        bool twice = false;  ///< it is a new PIN, and nobody sees what is typed
    };

    /// `file`: a path, or "-" for the first line of standard input (read now; a terminal is asked, and does
    /// not show what is typed). Throws Error.
    explicit PinInput(const std::string& file, const Question& question);
    explicit PinInput(const std::string& file) : PinInput(file, Question()) {}
    ~PinInput();
    PinInput(const PinInput&) = delete;
    PinInput& operator=(const PinInput&) = delete;

    [[nodiscard]] crypto::PinSource source() const;

private:
    std::string path_;
    int memory_file_ = -1;
};

}  // namespace coffer::hsm_config
