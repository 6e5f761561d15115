// What is said when a module in software does not start. Root can use every file, so what is missing stands
// in for what is closed.

#include "crypto/module_configuration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace coffer::crypto {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class InitializeAdvice : public testing::Test {
protected:
    InitializeAdvice() {
        std::string pattern = testing::TempDir() + "coffer-advice-XXXXXX";
        folder = ::mkdtemp(pattern.data());
        configuration = folder / "softhsm2.conf";
        ::setenv("SOFTHSM2_CONF", configuration.c_str(), 1);
    }
    ~InitializeAdvice() override {
        ::unsetenv("SOFTHSM2_CONF");
        std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
        std::filesystem::remove_all(folder);
    }
    [[nodiscard]] std::string advice(const std::string& token_dir = "") const {
        return initialize_advice("/usr/lib/softhsm/libsofthsm2.so", token_dir);
    }

    std::filesystem::path folder;
    std::filesystem::path configuration;
};

TEST_F(InitializeAdvice, NamesTheConfigurationThatCannotBeRead) {
    EXPECT_THAT(advice(), AllOf(HasSubstr(configuration.string()), HasSubstr("SOFTHSM2_CONF"),
                                HasSubstr("No such file")));
}

TEST_F(InitializeAdvice, NamesTheTokenFolderInIt) {
    const auto tokens = folder / "tokens";
    std::ofstream(configuration) << "# SoftHSM2\nlog.level = ERROR\ndirectories.tokendir = "
                                 << tokens.string() << " \n";
    EXPECT_THAT(advice(), AllOf(HasSubstr(tokens.string() + " cannot be used"), HasSubstr("No such file")));
    std::filesystem::create_directories(tokens / "a");
    EXPECT_THAT(advice(), HasSubstr("the module's own configuration")) << "nothing is wrong there";
    EXPECT_THAT(advice((folder / "none").string()), HasSubstr((folder / "none").string()));
    if (::geteuid() == 0) return;
    std::ofstream(tokens / "a/token.object") << "x";
    std::filesystem::permissions(tokens / "a/token.object", std::filesystem::perms::none);
    EXPECT_THAT(advice(), AllOf(HasSubstr("a/token.object"), HasSubstr("Permission denied")));
}

TEST_F(InitializeAdvice, NamesAConfigurationWithoutAFolder) {
    std::ofstream(configuration) << "\n = \nlog.level = ERROR\n";
    EXPECT_THAT(advice(), HasSubstr("directories.tokendir"));
}

TEST_F(InitializeAdvice, OtherModulesAreLeftAlone) {
    EXPECT_THAT(initialize_advice("/opt/vendor/lib.so", ""), HasSubstr("the module's own configuration"));
}

}  // namespace
}  // namespace coffer::crypto
