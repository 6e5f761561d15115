// What systemd hears, on the socket that it names in NOTIFY_SOCKET (sd_notify(3)).

#include "daemon/service_manager.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "pki.hpp"

namespace coffer::daemon {
namespace {

/// The service manager's end.
class NotifySocket {
public:
    NotifySocket() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const auto path = (folder_.path() / "notify").string();
        std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
        EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
        ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    }
    ~NotifySocket() {
        ::unsetenv("NOTIFY_SOCKET");
        ::close(socket_);
    }
    NotifySocket(const NotifySocket&) = delete;
    NotifySocket& operator=(const NotifySocket&) = delete;
    [[nodiscard]] std::string next() const {
        std::array<char, 4096> buffer{};
        const auto got = ::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
        return got < 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(got));
    }

private:
    testing::TemporaryFolder folder_;
    int socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

// sd_notify(3): microseconds within which another message has to come.
TEST(ServiceManager, AStepOfTheStartAsksForItsTime) {
    const NotifySocket socket;
    ServiceManager().starting("waiting for the database: it is away", std::chrono::milliseconds(63'000));
    EXPECT_EQ(socket.next(), "STATUS=waiting for the database: it is away\nEXTEND_TIMEOUT_USEC=63000000");
    ServiceManager().ready("serving");
    EXPECT_EQ(socket.next(), "READY=1\nSTATUS=serving");
}

TEST(ServiceManager, TheEndAsksForItsTime) {
    const NotifySocket socket;
    ServiceManager().stopping(std::chrono::minutes(61));
    EXPECT_EQ(socket.next(), "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=3660000000");
}

}  // namespace
}  // namespace coffer::daemon
