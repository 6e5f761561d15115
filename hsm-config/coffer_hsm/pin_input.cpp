#include "hsm-config/coffer_hsm/pin_input.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "crypto/hidden_terminal.hpp"
#include "crypto/secret_bytes.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::hsm_config {
namespace {

/// What PinSource takes.
constexpr std::size_t kPinBytesMax = 255;
/// With a line end; one more tells PinSource that the line is longer.
constexpr std::size_t kInputBytesMax = kPinBytesMax + 3;

crypto::SecretBytes read_standard_input() {
    crypto::SecretBytes input(kInputBytesMax);
    std::size_t size = 0;
    while (size < input.size()) {
        const auto got = ::read(STDIN_FILENO, input.writable().data() + size, input.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw Error("standard input cannot be read: " + std::generic_category().message(errno));
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
        if (input.text().substr(0, size).find('\n') != std::string_view::npos) break;
    }
    input.truncate(size);
    return input;
}

crypto::SecretBytes ask_on_terminal(const PinInput::Question& question) {
    crypto::HiddenTerminal terminal;
    return question.twice ? terminal.ask_twice(question.text, kPinBytesMax)
                          : terminal.ask(question.text + ": ", kPinBytesMax);
}

}  // namespace

PinInput::PinInput(const std::string& file, const Question& question) : path_(file) {
    if (file != "-") return;
    const auto input = ::isatty(STDIN_FILENO) == 1 ? ask_on_terminal(question) : read_standard_input();
    if (input.empty())
        throw Error("the PIN was to come from standard input (--pin-file -), and nothing came");
    memory_file_ = ::memfd_create("pin", MFD_CLOEXEC);
    if (memory_file_ < 0 || ::fchmod(memory_file_, S_IRUSR | S_IWUSR) != 0 ||
        ::write(memory_file_, input.view().data(), input.size()) != static_cast<ssize_t>(input.size())) {
        throw Error("the PIN cannot be kept in memory: " + std::generic_category().message(errno));
    }
    path_ = fmt::format("/proc/self/fd/{}", memory_file_);
}

PinInput::~PinInput() {
    if (memory_file_ >= 0) ::close(memory_file_);
}

crypto::PinSource PinInput::source() const {
    return crypto::PinSource::from_file(path_);
}

}  // namespace coffer::hsm_config
