// Waits for targets end when nobody wants to know any more, long before their deadlines: these are longer
// than the tests may take.

#include "daemon/rotation/patience.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "daemon/base/fd.hpp"
#include "daemon/rotation/https_call.hpp"
#include "daemon/rotation/mysql_session.hpp"
#include "daemon/rotation/openssh_key.hpp"
#include "daemon/rotation/postgresql_session.hpp"
#include "daemon/rotation/redis_session.hpp"
#include "daemon/rotation/ssh_session.hpp"
#include "pki.hpp"
#include "tls_peer.hpp"

namespace coffer::rotation {
namespace {

using crypto::SecretBytes;
using testing::PeerMode;
using testing::ScriptedAnswer;
using testing::TlsPeer;
using Kind = StepFailed::Kind;

Deadline in_a_day() {
    return std::chrono::steady_clock::now() + std::chrono::hours(24);
}

/// Takes one connection and never says a word; then whoever connected is told that nobody waits any more.
class SilentServer {
public:
    SilentServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const generic = reinterpret_cast<sockaddr*>(&address);
        if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 1) != 0 ||
            ::getsockname(listener_.get(), generic, &size) != 0) {
            throw std::runtime_error("cannot listen");
        }
        port_ = ntohs(address.sin_port);
        accepts_ = std::jthread([this] {
            connection_ = Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            ended_ = true;
        });
    }
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] Patience patience() const { return {in_a_day(), &ended_}; }

private:
    Fd listener_;
    Fd connection_;
    std::uint16_t port_ = 0;
    std::atomic<bool> ended_ = false;
    std::jthread accepts_;
};

/// That `wait` fails so that it is tried again.
void expect_end(const std::function<void(const SilentServer&)>& wait) {
    const SilentServer server;
    try {
        wait(server);
        ADD_FAILURE() << "it came to an end of its own";
    } catch (const StepFailed& failed) {
        EXPECT_EQ(failed.kind(), Kind::retry) << failed.what();
    }
}

TEST(Patience, IsOverAtItsDeadlineOrWhenItHasEnded) {
    const auto now = std::chrono::steady_clock::now();
    std::atomic<bool> ended = false;
    EXPECT_TRUE(Patience(now).is_over());
    EXPECT_FALSE(Patience(in_a_day(), &ended).is_over());
    EXPECT_TRUE(Patience(in_a_day(), &ended).until(now).is_over());
    const auto deadline = in_a_day();
    EXPECT_EQ(Patience(deadline).next_look(), deadline) << "nothing to look at before";
    EXPECT_LT(Patience(deadline, &ended).next_look(), deadline);
    ended = true;
    EXPECT_TRUE(Patience(deadline, &ended).is_over());
    EXPECT_FALSE(Patience(deadline).is_over());
}

TEST(Patience, OfALoginAtPostgresqlEnds) {
    expect_end([](const SilentServer& server) {
        static_cast<void>(PostgresqlSession::log_in(
            {.host = "127.0.0.1", .port = server.port(), .database = "d", .user = "u", .password = "p"},
            {.mode = "require", .ca_file = {}}, server.patience()));
    });
}

TEST(Patience, OfALoginAtMysqlEnds) {
    expect_end([](const SilentServer& server) {
        static_cast<void>(MysqlSession::log_in(
            {.host = "127.0.0.1", .port = server.port(), .database = "", .user = "u", .password = "p"},
            {.verify_full = false, .ca_file = {}}, server.patience()));
    });
}

TEST(Patience, OfALoginAtRedisEnds) {
    expect_end([](const SilentServer& server) {
        static_cast<void>(RedisSession::connect("127.0.0.1", server.port(), {}, server.patience()));
    });
}

TEST(Patience, OfALoginBySshEnds) {
    const SecretBytes seed(kOpensshSeedBytes);
    const SecretBytes check(kOpensshCheckBytes);
    const auto key = make_openssh_key(seed.view(), check.view(), "test");
    expect_end([&](const SilentServer& server) {
        static_cast<void>(SshSession::log_in({.host = "127.0.0.1",
                                              .port = server.port(),
                                              .user = "u",
                                              .private_key = key.private_key.text(),
                                              .host_key = key.public_key},
                                             server.patience()));
    });
}

TEST(Patience, OfAConnectionByHttpsEnds) {
    expect_end([](const SilentServer& server) {
        reach({"127.0.0.1", server.port(), {}}, server.patience());
    });
}

class CallPatienceTest : public ::testing::Test {
protected:
    CallPatienceTest() : files_(folder_.path(), "localhost") {}
    /// A call that is ended when it is about to be sent.
    HttpsAnswer ended_call(const TlsPeer& peer, bool once) {
        HttpsRequest request;
        request.target = SecretBytes::copy_of(std::string_view("/v1"));
        request.once = once;
        return call({"localhost", peer.port(), files_.folder() / "ca.pem"}, request,
                    Patience(in_a_day(), &ended_), [this] { ended_ = true; });
    }

    testing::TemporaryFolder folder_;
    testing::PeerFiles files_;
    std::atomic<bool> ended_ = false;
};

TEST_F(CallPatienceTest, OfAnAnswerEnds) {
    const TlsPeer peer(files_, PeerMode::silent);
    EXPECT_THROW(static_cast<void>(ended_call(peer, false)), CallFailed);
}

TEST_F(CallPatienceTest, AnAnswerThatCannotBeHadAgainIsWaitedFor) {
    // Its pieces are half a second apart: longer than until the next look.
    const TlsPeer peer(files_, {{.pieces = {"HTTP/1.1 200 OK\r\n"},
                                 .endless = "Content-Length: 0\r\n\r\n",
                                 .pause = std::chrono::milliseconds(500)}});
    EXPECT_EQ(ended_call(peer, true).status, 200U);
}

}  // namespace
}  // namespace coffer::rotation
