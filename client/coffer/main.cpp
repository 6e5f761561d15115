// The command `coffer`.

#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "client/coffer/command_line.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/hints.hpp"
#include "crypto/secret_bytes.hpp"
#include "daemon/base/standard_streams.hpp"

namespace {

using coffer::cli::ExitCode;

int run(std::vector<std::string> arguments) {
    coffer::cli::CommandLine line;
    try {
        line.parse(std::move(arguments));
        line.run();
        return static_cast<int>(ExitCode::done);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0)
            return line.app().exit(error, std::cout, std::cerr);  // --help, --version
        coffer::cli::say(std::string("coffer: ") + error.what() + " (try --help)\n");
        return static_cast<int>(ExitCode::usage);
    } catch (...) {
        const auto ending = coffer::cli::explain(std::current_exception());
        coffer::cli::say(ending.text);
        return static_cast<int>(ending.code);
    }
}

}  // namespace

int main(int argc, char** argv) {
    coffer::reserve_standard_streams();
    // Neither a core dump nor a debugger of the same user sees the values. (A program that `exec` starts is
    // dumpable again.)
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    constexpr std::size_t kSecureHeapBytes = 512 * 1024;
    static_cast<void>(coffer::crypto::init_secure_heap(kSecureHeapBytes));
    return run(std::vector<std::string>(argv + 1, argv + argc));
}
