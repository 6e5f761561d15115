// The heads that cofferd and coffer-runner send each other, and the runner's configuration.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "daemon/program_runner/config.hpp"
#include "daemon/program_runner/request.hpp"
#include "expect.hpp"

using coffer::fuzz::expect;
namespace runner = coffer::program_runner;

namespace {

void read_request(std::string_view text) {
    try {
        const auto request = runner::parse_request(text);
        expect(runner::is_program_name(request.program), "a request that is taken names a program");
        expect(request.timeout.count() > 0, "a request that is taken has a time");
        const auto again = runner::parse_request(runner::head_of(request));
        expect(again.program == request.program && again.step == request.step,
               "what was read can be written");
    } catch (const runner::MessageError&) {
    }
}

void read_answer(std::string_view text) {
    try {
        const auto answer = runner::parse_answer(text);
        const auto again = runner::parse_answer(runner::head_of(answer));
        expect(again.outcome == answer.outcome && again.code == answer.code, "what was read can be written");
    } catch (const runner::MessageError&) {
    }
}

void read_config(std::string_view text) {
    try {
        const auto config = runner::parse_runner_config(text, "/etc/coffer-runner/runner.toml");
        for (const auto& program : config.programs) {
            expect(program.command.front().starts_with('/'), "what is started has an absolute path");
            expect(runner::is_program_name(program.name), "a program that is accepted has a name");
        }
    } catch (const runner::RunnerConfigError& error) {
        const std::string_view what = error.what();
        expect(what.find("/etc/coffer-runner/runner.toml") != std::string_view::npos,
               "a problem names the file");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    read_request(text);
    read_answer(text);
    read_config(text);
    return 0;
}
