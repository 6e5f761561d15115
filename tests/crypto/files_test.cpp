// What is read from files: PINs and token profiles.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "crypto/hsm.hpp"
#include "crypto/pin_source.hpp"
#include "crypto/profile.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::crypto {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string message_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& e) {
        return e.what();
    }
    return "";
}

class FilesTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "coffer-files-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        dir_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(dir_); }
    [[nodiscard]] std::filesystem::path write(std::string_view content, mode_t mode = 0600) const {
        const auto file = dir_ / "file";
        std::ofstream(file, std::ios::trunc) << content;
        EXPECT_EQ(::chmod(file.c_str(), mode), 0);
        return file;
    }
    std::filesystem::path dir_;
};

TEST_F(FilesTest, ThePinIsTheFirstLine) {
    for (const auto* content : {"1234", "1234\n", "1234\r\n", "1234\nmore\n"}) {
        EXPECT_EQ(PinSource::from_file(write(content)).read().text(), "1234");
    }
    EXPECT_EQ(PinSource::from_file(write(" 12 34 \n")).read().text(), " 12 34 ");
    EXPECT_EQ(PinSource::from_file(write(std::string(255, '1') + "\r\n")).read().size(), 255U);
    EXPECT_EQ(PinSource::from_file(write("1234\n", 0400)).read().text(), "1234");
}

TEST_F(FilesTest, APinFileThatIsNotRightIsNamedAndNotQuoted) {
    const auto refusal = [](const std::filesystem::path& file) {
        return message_of([&] { (void)PinSource::from_file(file).read(); });
    };
    EXPECT_THAT(refusal(write("")), HasSubstr("empty"));
    EXPECT_THAT(refusal(write("\n1234\n")), HasSubstr("empty"));
    EXPECT_THAT(refusal(write(std::string(256, '7'))), AllOf(HasSubstr("255"), Not(HasSubstr("777"))));
    EXPECT_THAT(refusal(write("1234", 0640)), AllOf(HasSubstr("0640"), HasSubstr((dir_ / "file").string())));
    EXPECT_THAT(refusal(write("1234", 0602)), HasSubstr("0602"));
    EXPECT_THAT(refusal(dir_), HasSubstr("regular file"));
    EXPECT_THAT(refusal(dir_ / "absent"), HasSubstr("absent"));
    const auto fifo = dir_ / "fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_THAT(refusal(fifo), HasSubstr("regular file"));
}

TEST_F(FilesTest, ThePinFileIsReadAnewEachTime) {
    const auto source = PinSource::from_file(write("1111"));
    EXPECT_EQ(source.read().text(), "1111");
    (void)write("2222");
    EXPECT_EQ(source.read().text(), "2222");
}

TEST_F(FilesTest, AProfileIsReadWhole) {
    const auto profile = load_profile(write(R"(
name = "Example HSM"
threads = 8
max_call_bytes = 4080
iv_mode = "written-back"
key_wrap_mechanism = 0x80002109
unwrap_with_value_len = true
data_key_handles = 500
copy_master_keys = false
wrap_with_trusted = true
module_arguments = "configdir='{dir}'"
)"));
    EXPECT_EQ(profile.name, "Example HSM");
    EXPECT_EQ(profile.threads, 8U);
    EXPECT_EQ(profile.max_call_bytes, 4080U);
    EXPECT_EQ(profile.iv_mode, IvMode::written_back);
    EXPECT_EQ(profile.key_wrap, (KeyWrap{.mechanism = 0x80002109, .unwrap_with_value_len = true}));
    EXPECT_EQ(profile.data_key_handles, 500U);
    EXPECT_FALSE(profile.copy_master_keys);
    EXPECT_TRUE(profile.wrap_with_trusted);
    EXPECT_EQ(profile.module_arguments, "configdir='{dir}'");
}

TEST_F(FilesTest, AProfileThatIsNotRightIsNamedWithKeyAndLine) {
    const auto refusal = [&](std::string_view content) {
        return message_of([&] { (void)load_profile(write(content)); });
    };
    EXPECT_THAT(refusal("name = 'x'\nthreds = 1\n"), AllOf(HasSubstr("file:2"), HasSubstr("\"threds\"")));
    EXPECT_THAT(refusal("name = 'x'\n\nthreads = 0\n"), AllOf(HasSubstr("file:3"), HasSubstr("1 to 256")));
    EXPECT_THAT(refusal("name = 'x'\nthreads = 257\n"), HasSubstr("1 to 256"));
    EXPECT_THAT(refusal("name = 'x'\nthreads = '1'\n"), HasSubstr("whole number"));
    EXPECT_THAT(refusal("name = 'x'\nthreads = 1.5\n"), HasSubstr("whole number"));
    EXPECT_THAT(refusal("name = 'x'\nmax_call_bytes = 65537\n"), HasSubstr("16 to 65536"));
    EXPECT_THAT(refusal("name = 'x'\nkey_wrap_mechanism = 0\n"), HasSubstr("0x1 to 0xffffffff"));
    EXPECT_THAT(refusal("name = 'x'\nkey_wrap_mechanism = 0x100000000\n"), HasSubstr("0xffffffff"));
    for (const auto* padded : {"0x210A", "0x210B", "0x210C"}) {
        EXPECT_THAT(refusal(std::string("name = 'x'\nkey_wrap_mechanism = ") + padded + "\n"),
                    AllOf(HasSubstr("file:2"), HasSubstr("RFC 3394")));
    }
    EXPECT_THAT(refusal("name = 'x'\nunwrap_with_value_len = 1\n"), HasSubstr("true or false"));
    EXPECT_THAT(refusal("name = 'x'\niv_mode = 'mine'\n"), HasSubstr("written-back"));
    EXPECT_THAT(refusal("name = 'x'\ncopy_master_keys = 1\n"), HasSubstr("true or false"));
    EXPECT_THAT(refusal("name = 3\n"), HasSubstr("string"));
    EXPECT_THAT(refusal("name = 'x'\n[table]\n"), HasSubstr("\"table\""));
    EXPECT_THAT(refusal("name = 'x'\nname = 'y'\n"), HasSubstr("file:2"));
    EXPECT_THAT(refusal("name = \n"), HasSubstr("file:1"));
    EXPECT_THAT(refusal("threads = 1\n"), HasSubstr("\"name\" is missing"));
    EXPECT_THAT(message_of([&] { (void)load_profile(dir_ / "absent"); }), HasSubstr("absent"));
}

TEST_F(FilesTest, TheTokensDirectoryIsFilledIn) {
    HsmConfig config{.module = "m",
                     .token_dir = "/var/lib/token",
                     .token_uris = {"pkcs11:token=t"},
                     .pin = PinSource::from_file("pin"),
                     .profile = {}};
    EXPECT_EQ(config.module_arguments(), "");
    config.profile.module_arguments = "a='{dir}' b='{dir}/x'";
    EXPECT_EQ(config.module_arguments(), "a='/var/lib/token' b='/var/lib/token/x'");
    config.token_dir = "/{dir}";
    EXPECT_EQ(config.module_arguments(), "a='/{dir}' b='/{dir}/x'");
    config.token_dir.clear();
    EXPECT_THAT(message_of([&] { (void)config.module_arguments(); }), HasSubstr("{dir}"));
}

}  // namespace
}  // namespace coffer::crypto
