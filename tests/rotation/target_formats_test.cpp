// What is read from and written to targets: RESP2 of Redis, keys of OpenSSH, authorized_keys. The
// expectations are the formats' own descriptions, RFC 8032's first vector, and what ssh-keygen of OpenSSH 9.2
// says of it.

#include <gmock/gmock.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "daemon/rotation/authorized_keys.hpp"
#include "daemon/rotation/function.hpp"
#include "daemon/rotation/openssh_key.hpp"
#include "daemon/rotation/redis_protocol.hpp"
#include "daemon/rotation/ssh_session.hpp"

namespace coffer::rotation {
namespace {

using Kind = RedisReply::Kind;

RedisReply reply_of(std::string_view bytes) {
    const auto read = read_redis_reply(bytes);
    EXPECT_TRUE(read);
    EXPECT_EQ(read->size, bytes.size());
    return read->reply;
}

TEST(RedisProtocol, CommandsAreListsOfTexts) {
    EXPECT_EQ(redis_command({"AUTH", "a b", "p\r\n"}).text(),
              "*3\r\n$4\r\nAUTH\r\n$3\r\na b\r\n$3\r\np\r\n\r\n");
    EXPECT_EQ(redis_command({""}).text(), "*1\r\n$0\r\n\r\n");
}

TEST(RedisProtocol, EveryKindOfReplyIsRead) {
    EXPECT_TRUE(reply_of("+OK\r\n").is_ok());
    EXPECT_TRUE(reply_of("-WRONGPASS invalid\r\n").is_error("WRONGPASS"));
    EXPECT_FALSE(reply_of("-WRONGPASSWORD\r\n").is_error("WRONGPASS"));
    EXPECT_EQ(reply_of(":-12\r\n").text, "-12");
    EXPECT_EQ(reply_of("$5\r\na\r\nbc\r\n").text, "a\r\nbc");
    EXPECT_EQ(reply_of("$0\r\n\r\n").kind, Kind::text);
    EXPECT_EQ(reply_of("$-1\r\n").kind, Kind::nothing);
    EXPECT_EQ(reply_of("*-1\r\n").kind, Kind::nothing);
    const auto list = reply_of("*3\r\n$5\r\nflags\r\n*2\r\n+on\r\n+nopass\r\n:1\r\n");
    ASSERT_EQ(list.list.size(), 3U);
    EXPECT_EQ(list.list[1].list[1].text, "nopass");
}

TEST(RedisProtocol, NothingIsReadBeforeAllOfItIsThere) {
    const std::string whole = "*2\r\n$3\r\nabc\r\n*1\r\n+x\r\n";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(read_redis_reply(std::string_view(whole).substr(0, size))) << size;
    }
    EXPECT_EQ(read_redis_reply(whole + "+more\r\n")->size, whole.size());
}

TEST(RedisProtocol, WhatIsMissingAtLeastIsNeverMoreThanIsMissing) {
    for (const std::string& whole :
         {std::string("*3\r\n$3\r\nabc\r\n*2\r\n+\r\n+\r\n:1\r\n"), std::string("$-1\r\n"),
          std::string("*0\r\n"), std::string("$10\r\n0123\r\n6789\r\n"), std::string("*2\r\n*-1\r\n+\r\n")}) {
        for (std::size_t size = 0; size < whole.size(); ++size) {
            std::size_t least = 0;
            EXPECT_FALSE(read_redis_reply(std::string_view(whole).substr(0, size), &least));
            EXPECT_LE(least, whole.size()) << size;
        }
    }
    std::size_t least = 0;
    EXPECT_FALSE(read_redis_reply("*1000\r\n+abc\r\n", &least));
    EXPECT_GE(least, 7U + 6U + 999U * 3U - 3U);
    EXPECT_FALSE(read_redis_reply("$1000\r\n", &least));
    EXPECT_EQ(least, 7U + 1002U);
}

TEST(RedisProtocol, WhatIsNoReplyOrTooLongIsRefused) {
    std::string deep;
    for (int i = 0; i < 20; ++i) deep += "*1\r\n";
    for (const std::string& bytes :
         {std::string("HTTP/1.1 400 Bad Request\r\n"), std::string("\r\n"), std::string(":x\r\n"),
          std::string("$-2\r\n"), std::string("$3\r\nabcde\r\n"), std::string("$999999999\r\n"),
          std::string("*999999999\r\n"), std::string("*18446744073709551616\r\n"), deep + "+x\r\n",
          "+" + std::string(kRedisReplyBytesMax, 'x')}) {
        EXPECT_THROW(static_cast<void>(read_redis_reply(bytes)), StepFailed) << bytes.substr(0, 40);
    }
}

TEST(RedisProtocol, OnlyTheCodeOfAnErrorIsShown) {
    EXPECT_EQ(redis_error_code(reply_of("-NOPERM this user\r\n")), "NOPERM");
    EXPECT_EQ(redis_error_code(reply_of("-s3cret\r\n")), "an error without a code");
    EXPECT_EQ(redis_error_code(reply_of("-\r\n")), "an error without a code");
}

constexpr std::string_view kPublicKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea coffer:a/b:token";

TEST(OpensshKey, IsWhatSshKeygenReads) {
    // RFC 8032, 7.1, TEST 1.
    constexpr std::array<std::uint8_t, 32> kSeed{
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
        0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
    constexpr std::array<std::uint8_t, 4> kCheck{1, 2, 3, 4};
    const auto key = make_openssh_key(kSeed, kCheck, "coffer:a/b:token");
    EXPECT_EQ(key.public_key, kPublicKey);
    EXPECT_EQ(key.private_key.text(),
              "-----BEGIN OPENSSH PRIVATE KEY-----\n"
              "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
              "QyNTUxOQAAACDXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGgAAAJgBAgMEAQID\n"
              "BAAAAAtzc2gtZWQyNTUxOQAAACDXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg\n"
              "AAAECdYbGd7/1aYLqESvSS7CzEREnFaXsyaRlwO6wDHK5/YNdamAGCsQq31Uv+08lkBzoO\n"
              "4XLz2qYjJa8CGmj3B1EaAAAAEGNvZmZlcjphL2I6dG9rZW4BAgMEBQ==\n"
              "-----END OPENSSH PRIVATE KEY-----\n");
}

TEST(HostKey, IsPinnedInEachOfItsForms) {
    constexpr const char* kFingerprint = "SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8";
    EXPECT_EQ(pinned_fingerprint(kFingerprint), kFingerprint);
    EXPECT_EQ(pinned_fingerprint(kPublicKey), kFingerprint);
    EXPECT_EQ(pinned_fingerprint("[host]:2222 " + std::string(kPublicKey)), kFingerprint);
    for (const char* none : {"", "SHA256:short", "ssh-ed25519", "ssh-ed25519 ?", "host", "MD5:00:11"}) {
        EXPECT_THROW(static_cast<void>(pinned_fingerprint(none)), StepFailed) << none;
    }
}

TEST(AuthorizedKeys, ANewKeyHasTheOptionsOfTheOneItIsPutBeside) {
    const std::string file =
        "# ours\n\nssh-rsa AAAAother somebody\n"
        "from=\"10.0.0.0/8\",command=\"echo \\\"a b\\\" ssh-rsa x\" ssh-ed25519 AAAAold me and "
        "you\nssh-ed25519 AAAAlast";
    EXPECT_EQ(with_key(file, "ssh-ed25519 AAAAnew coffer:n:1", "ssh-ed25519 AAAAold"),
              "# ours\n\nssh-rsa AAAAother somebody\n"
              "from=\"10.0.0.0/8\",command=\"echo \\\"a b\\\" ssh-rsa x\" ssh-ed25519 AAAAold me and you\n"
              "from=\"10.0.0.0/8\",command=\"echo \\\"a b\\\" ssh-rsa x\" ssh-ed25519 AAAAnew coffer:n:1\n"
              "ssh-ed25519 AAAAlast\n");
    EXPECT_EQ(with_key(file, "ssh-ed25519 AAAAnew c", "ssh-ed25519 AAAAlast x"),
              file + "\nssh-ed25519 AAAAnew c\n")
        << "a last line without an end gets one";
    EXPECT_EQ(with_key(file, "ssh-ed25519 AAAAlast c", "ssh-ed25519 AAAAold"), file) << "it is there already";
    EXPECT_EQ(with_key(file, "ssh-ed25519 AAAAnew c", "ssh-ed25519 AAAAgone"), std::nullopt);
    EXPECT_EQ(with_key("#ssh-ed25519 AAAAold\n", "ssh-ed25519 AAAAnew c", "ssh-ed25519 AAAAold"),
              std::nullopt);
}

TEST(AuthorizedKeys, OnlyLinesOfTheSecretsOwnAreTakenOut) {
    const std::string file =
        "ssh-ed25519 AAAAold coffer:n-1:1\nssh-ed25519 AAAAold somebody\nssh-ed25519 AAAAnow coffer:n-1:2\n"
        "ssh-ed25519 AAAAnew coffer:n-1:3\nssh-ed25519 AAAAold coffer:n-12:1\n# coffer:n-1:4\n";
    EXPECT_EQ(without_others(file, "coffer:n-1:", "ssh-ed25519 AAAAnew", "ssh-ed25519 AAAAnow"),
              "ssh-ed25519 AAAAold somebody\nssh-ed25519 AAAAnow coffer:n-1:2\n"
              "ssh-ed25519 AAAAnew coffer:n-1:3\nssh-ed25519 AAAAold coffer:n-12:1\n# coffer:n-1:4\n");
    EXPECT_EQ(without_others(file, "coffer:m-1:", "", ""), file);
}

TEST(AuthorizedKeys, AChecksumIsWhatCksumPrints) {
    // printf ... | cksum, of GNU coreutils 9.1.
    EXPECT_EQ(posix_checksum(""), "4294967295 0");
    EXPECT_EQ(posix_checksum("123456789"), "930766865 9");
    EXPECT_EQ(posix_checksum(std::string(300, 'a')), "1664553091 300");
}

/// An account's home folder, and what its shell makes of a command there.
class Account {
public:
    Account() {
        std::string name = (std::filesystem::temp_directory_path() / "coffer-account-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
        home_ = name;
        std::filesystem::create_directory(home_ / ".ssh");
    }
    ~Account() {
        std::error_code ignored;
        std::filesystem::remove_all(home_, ignored);
    }
    Account(const Account&) = delete;
    Account& operator=(const Account&) = delete;

    void write(std::string_view text) const { write_file(keys(), text); }
    [[nodiscard]] std::string text() const {
        std::ifstream file(keys(), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    [[nodiscard]] std::ptrdiff_t files() const {
        return std::distance(std::filesystem::directory_iterator(home_ / ".ssh"),
                             std::filesystem::directory_iterator());
    }
    /// The exit code.
    [[nodiscard]] int run(const std::string& command, std::string_view input) const {
        write_file(home_ / "input", input);
        write_file(home_ / "command", command);
        const auto line = "cd '" + home_.string() + "' && HOME=$PWD sh command <input >output";
        const int status = std::system(line.c_str());  // NOLINT(cert-env33-c): a shell is what is tested
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

private:
    [[nodiscard]] std::filesystem::path keys() const { return home_ / ".ssh" / "authorized_keys"; }
    static void write_file(const std::filesystem::path& path, std::string_view text) {
        std::ofstream(path, std::ios::binary) << text;
    }

    std::filesystem::path home_;
};

TEST(AuthorizedKeys, ATextThatDoesNotArriveAsAWholeIsNotPutInPlace) {
    const Account account;
    const std::string before = "ssh-ed25519 AAAA old\n# a comment";
    const std::string after = "ssh-ed25519 AAAA old\nssh-ed25519 BBBB new\n# a comment\n";
    account.write(before);
    const auto command = command_that_writes_keys(posix_checksum(before), after);
    for (std::size_t size = 0; size < after.size(); ++size) {
        ASSERT_EQ(account.run(command, after.substr(0, size)), 6) << size;
        ASSERT_EQ(account.text(), before) << size;
        ASSERT_EQ(account.files(), 1) << size;
    }
    EXPECT_EQ(account.run(command, after + "x"), 6);
    auto other = after;
    other[3] = '_';
    EXPECT_EQ(account.run(command, other), 6);
    EXPECT_EQ(account.text(), before);
    EXPECT_EQ(account.run(command, after), 0);
    EXPECT_EQ(account.text(), after);
    EXPECT_EQ(account.run(command, after), 5) << "the file has changed";
    EXPECT_EQ(account.text(), after);
    EXPECT_EQ(account.files(), 1);
}

}  // namespace
}  // namespace coffer::rotation
