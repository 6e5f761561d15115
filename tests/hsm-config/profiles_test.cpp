// The profiles that are shipped: all can be read, and those of tested tokens are what the tokens measure.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "coffer_hsm_fixture.hpp"
#include "hsm-config/coffer_hsm/profile_text.hpp"

namespace coffer::testing {
namespace {

std::vector<std::filesystem::path> shipped_profiles() {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(COFFER_HSM_PROFILES)) {
        if (entry.path().extension() == ".toml") files.push_back(entry.path());
    }
    return files;
}

TEST(Profiles, AllCanBeReadAndSayWhetherTheyAreTested) {
    const auto files = shipped_profiles();
    EXPECT_GE(files.size(), 5U);
    for (const auto& file : files) {
        EXPECT_NO_THROW(static_cast<void>(crypto::load_profile(file))) << file;
        std::ifstream in(file);
        const std::string text{std::istreambuf_iterator<char>(in), {}};
        const bool tested = file.filename() == "softhsm2.toml" || file.filename() == "nss.toml";
        EXPECT_EQ(text.find("Tested:") != std::string::npos, tested) << file;
        EXPECT_EQ(text.find("Not tested here") != std::string::npos, !tested) << file;
    }
}

TEST(Profiles, ThoseOfTestedTokensAreWhatTheTokensMeasure) {
    for (const auto kind : all_token_kinds()) {
        const TokenUnderTool tool(kind, true);
        const auto result = tool.run("check", {"--output", "json", "--rate-ms", "0"});
        ASSERT_EQ(result.exit_code, 0) << result.out;
        const auto measured = json_of(result).at("profile").as_object();
        const auto shipped = crypto::load_profile(std::filesystem::path(COFFER_HSM_PROFILES) /
                                                  (kind == TokenKind::nss ? "nss.toml" : "softhsm2.toml"));
        EXPECT_EQ(measured.at("iv_mode").as_string(), std::string(hsm_config::to_text(shipped.iv_mode)));
        EXPECT_EQ(measured.at("max_call_bytes").to_number<std::size_t>(), shipped.max_call_bytes);
        EXPECT_EQ(measured.at("data_key_handles").to_number<std::size_t>(), shipped.data_key_handles);
        EXPECT_EQ(measured.at("copy_master_keys").as_bool(), shipped.copy_master_keys);
        EXPECT_EQ(measured.at("key_wrap_mechanism").to_number<unsigned long>(), shipped.key_wrap.mechanism);
        EXPECT_EQ(measured.at("unwrap_with_value_len").as_bool(), shipped.key_wrap.unwrap_with_value_len);
        EXPECT_EQ(measured.at("wrap_with_trusted").as_bool(), shipped.wrap_with_trusted);
    }
}

TEST(Profiles, TextComesBackAsItWas) {
    crypto::Profile profile;
    profile.name = "odd \"name\" \\ with\ttabs";
    profile.threads = 16;
    profile.max_call_bytes = 16224;
    profile.iv_mode = crypto::IvMode::written_back;
    profile.key_wrap = {.mechanism = 0x80000170, .unwrap_with_value_len = true};
    profile.data_key_handles = 0;
    profile.copy_master_keys = false;
    profile.wrap_with_trusted = true;
    profile.module_arguments = "configdir='sql:{dir}'";
    const auto file =
        std::filesystem::temp_directory_path() / ("coffer-profile-" + std::to_string(::getpid()) + ".toml");
    std::ofstream(file) << hsm_config::profile_as_toml(profile, "one line\nand another\n");
    const auto again = crypto::load_profile(file);
    std::filesystem::remove(file);
    EXPECT_EQ(again.name, profile.name);
    EXPECT_EQ(again.threads, profile.threads);
    EXPECT_EQ(again.max_call_bytes, profile.max_call_bytes);
    EXPECT_EQ(again.iv_mode, profile.iv_mode);
    EXPECT_EQ(again.key_wrap, profile.key_wrap);
    EXPECT_EQ(again.data_key_handles, profile.data_key_handles);
    EXPECT_EQ(again.copy_master_keys, profile.copy_master_keys);
    EXPECT_EQ(again.wrap_with_trusted, profile.wrap_with_trusted);
    EXPECT_EQ(again.module_arguments, profile.module_arguments);
}

}  // namespace
}  // namespace coffer::testing
