#include "client/coffer/parameter.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "client/coffer/console.hpp"
#include "client/coffer/failure.hpp"
#include "daemon/base/bytes.hpp"
#include "proto/utf8.hpp"

namespace coffer::cli {

namespace {

using crypto::SecretBytes;

class FileDescriptor {
public:
    explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const noexcept { return fd_; }

private:
    int fd_;
};

SecretBytes read_all(int fd, const std::string& name) {
    SecretBytes bytes(kParameterBytesMax + 1);
    std::size_t size = 0;
    while (size < bytes.size()) {
        const auto got = ::read(fd, bytes.writable().data() + size, bytes.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            throw Failure(fmt::format("{} cannot be read: {}", name, std::generic_category().message(errno)));
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size > kParameterBytesMax) {
        throw Failure(fmt::format("{} is longer than {} bytes, the most that a whole request can hold", name,
                                  kParameterBytesMax));
    }
    bytes.truncate(size);
    return bytes.clone();  // a megabyte for every value would be much
}

SecretBytes read(const Parameter& parameter) {
    switch (parameter.source) {
        case Source::standard_input:
            return read_standard_input();
        case Source::text_file:
        case Source::binary_file:
            return read_file(parameter.where);
        default:
            return SecretBytes::copy_of(parameter.where);
    }
}

/// The shell does not expand "~" after "file://".
std::filesystem::path with_home(const std::filesystem::path& file) {
    const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): nothing changes it
    if (home == nullptr || !file.string().starts_with("~/")) return file;
    return std::filesystem::path(home) / file.string().substr(2);
}

int base64_digit(char c) {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const auto at = kDigits.find(c);
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

Parameter parse_parameter(std::string_view argument, bool stdin_allowed) {
    constexpr std::string_view kText = "file://";
    constexpr std::string_view kBinary = "fileb://";
    if (argument.starts_with(kText)) return {Source::text_file, argument.substr(kText.size())};
    if (argument.starts_with(kBinary)) return {Source::binary_file, argument.substr(kBinary.size())};
    if (argument == "-" && stdin_allowed) return {Source::standard_input, {}};
    return {Source::literal, argument};
}

SecretBytes read_file(const std::filesystem::path& named) {
    const auto file = with_home(named);
    const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (fd.get() < 0) {
        throw Failure(fmt::format("the file {} cannot be opened: {}", file.string(),
                                  std::generic_category().message(errno)));
    }
    return read_all(fd.get(), "the file " + file.string());
}

SecretBytes read_standard_input() {
    return read_all(STDIN_FILENO, "standard input");
}

SecretBytes read_hidden_or_piped(const std::string& prompt) {
    return stdin_is_terminal() ? ask_hidden_twice(prompt) : read_standard_input();
}

std::string read_text(std::string_view argument, std::string_view option) {
    const auto bytes = read(parse_parameter(argument, false));
    if (!proto::utf8_length(bytes.text())) throw UsageError(fmt::format("{} is not text in UTF-8", option));
    return std::string(bytes.text());
}

SecretBytes read_secret(std::string_view argument, const SecretRules& rules) {
    const Parameter parameter = parse_parameter(argument, true);
    if (parameter.source == Source::literal && !rules.allow_argv_value) {
        throw UsageError(
            fmt::format("{0} was given on the command line, where every user of this machine can read it.\n"
                        "Give it from standard input ({0} -), or from a file ({0} {1}FILE). "
                        "If it is no secret, add --allow-argv-value.",
                        rules.option, rules.text ? "file://" : "fileb://"));
    }
    SecretBytes bytes = parameter.source == Source::standard_input
                            ? read_hidden_or_piped("Value for " + rules.option)
                            : read(parameter);
    const bool as_it_is = rules.text || rules.raw_in_base64_out || parameter.source == Source::binary_file ||
                          parameter.source == Source::standard_input;
    if (rules.text && !proto::utf8_length(bytes.text())) {
        throw UsageError(fmt::format("{} is not text in UTF-8; bytes go into a binary value", rules.option));
    }
    return as_it_is ? std::move(bytes) : from_base64(bytes.text(), rules.option);
}

SecretBytes from_base64(std::string_view text, std::string_view option) {
    const auto fail = [&] {
        throw UsageError(fmt::format(
            "{} is not base64. Bytes as they are come from fileb://FILE or from standard input (-)", option));
    };
    SecretBytes bytes(text.size() / 4 * 3 + 3);
    std::size_t size = 0;
    std::size_t digits = 0;
    std::size_t padding = 0;
    std::uint32_t group = 0;
    for (const char c : text) {
        if (std::strchr(" \t\r\n", c) != nullptr && c != '\0') continue;
        const bool pads = c == '=';
        const int digit = pads ? 0 : base64_digit(c);
        if (digit < 0 || (padding > 0 && !pads) || (pads && digits % 4 < 2)) fail();
        padding += pads ? 1 : 0;
        group = (group << 6U) | static_cast<std::uint32_t>(digit);
        if (++digits % 4 != 0) continue;
        for (const unsigned shift : {16U, 8U, 0U}) {
            bytes.writable()[size++] = static_cast<std::uint8_t>(group >> shift);
        }
        group = 0;
    }
    if (digits % 4 != 0 || padding > 2) fail();
    bytes.truncate(size - padding);
    return bytes;
}

}  // namespace coffer::cli
