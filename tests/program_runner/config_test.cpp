// coffer-runner's configuration: what it says, and what is wrong with it in words.

#include "daemon/program_runner/config.hpp"

#include <gmock/gmock.h>

namespace coffer::program_runner {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

RunnerConfig parsed(const std::string& text) {
    return parse_runner_config(text, "/etc/coffer-runner/runner.toml");
}

std::string problems_of(const std::string& text) {
    try {
        static_cast<void>(parsed(text));
    } catch (const RunnerConfigError& error) {
        return error.what();
    }
    return "";
}

constexpr const char* kHead = "allowed_users = [\"1000\"]\n";

TEST(RunnerConfig, SaysWhatMayBeStarted) {
    const auto config = parsed(std::string(kHead) + R"(
        socket = "/run/x/runner.sock"
        [[program]]
        name = "rotate-app"
        command = ["/usr/bin/rotate", "--all", "a b"]
        network = "none"
        time_limit = "5s"
        memory_limit = "64MiB"
        processes = 3
        environment = { LANG = "C", PGSSLROOTCERT = "/etc/ca.pem" }
        [[program]]
        name = "handler"
        kind = "python"
        file = "/srv/h.py"
        handler = "handle"
        network = "host"
        memory_limit = "128MiB"
    )");
    EXPECT_THAT(config.allowed_users, ElementsAre(1000));
    EXPECT_EQ(config.work_directory, "/run/x/work");
    const auto* program = config.find("rotate-app");
    ASSERT_NE(program, nullptr);
    EXPECT_EQ(program->kind, ProgramKind::exec);
    EXPECT_THAT(program->command, ElementsAre("/usr/bin/rotate", "--all", "a b"));
    EXPECT_EQ(program->network, Network::none);
    EXPECT_EQ(program->limits.time, std::chrono::milliseconds(5'000));
    EXPECT_EQ(program->limits.memory, 64U * 1024 * 1024);
    EXPECT_EQ(program->limits.processes, 3U);
    EXPECT_THAT(program->environment, ElementsAre("LANG=C", "PGSSLROOTCERT=/etc/ca.pem"));
    const auto* handler = config.find("handler");
    ASSERT_NE(handler, nullptr);
    EXPECT_EQ(handler->kind, ProgramKind::python);
    EXPECT_THAT(handler->command, ElementsAre("/usr/bin/python3", "-I", "-B", HasSubstr("lambda_runner.py"),
                                              "/srv/h.py", "handle", "128"));
    EXPECT_EQ(config.find("nope"), nullptr);
}

TEST(RunnerConfig, MistakesAreNamed) {
    const auto with = [](const std::string& program) {
        return problems_of(std::string(kHead) + "[[program]]\n" + program);
    };
    EXPECT_THAT(with("name = \"a\"\ncommand = [\"rotate\"]\nnetwork = \"none\""), HasSubstr("absolute path"));
    EXPECT_THAT(with("name = \"a b\"\ncommand = [\"/x\"]\nnetwork = \"none\""), HasSubstr("'name'"));
    EXPECT_THAT(with("name = \"a\"\ncommand = [\"/x\"]"), HasSubstr("lacks 'network'"));
    EXPECT_THAT(with("name = \"a\"\ncommand = [\"/x\"]\nnetwork = \"lan\""), HasSubstr("\"none\", \"host\""));
    EXPECT_THAT(with("name = \"a\"\nkind = \"python\"\nfile = \"/x.py\"\nnetwork = \"none\""),
                HasSubstr("must be \"host\" for a Python handler"));
    EXPECT_THAT(
        with("name = \"a\"\ncommand = [\"/x\"]\nnetwork = \"none\"\nenvironment = { DB_PASSWORD = \"x\" }"),
        HasSubstr("sounds like a secret"));
    EXPECT_THAT(with("name = \"a\"\ncommand = [\"/x\"]\nnetwork = \"none\"\nshell = true"),
                HasSubstr("shell"));
    EXPECT_THAT(with("name = \"a\"\ncommand = [\"/x\"]\nnetwork = \"none\"\ntime_limit = \"1h\""),
                HasSubstr("time_limit"));
    EXPECT_THAT(problems_of("allowed_users = [\"no-such-user-here\"]"), HasSubstr("there is no user"));
    EXPECT_THAT(problems_of("allowed_users = [\"0\"]"), HasSubstr("root is not allowed"));
    EXPECT_THAT(problems_of("x = ["), HasSubstr("runner.toml"));
}

}  // namespace
}  // namespace coffer::program_runner
