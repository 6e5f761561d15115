// Connection strings with several hosts, of which some do not answer: libpq's asynchronous functions stay
// with the first one that accepts a connection.

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "storage/connection_hosts.hpp"
#include "storage/pg_connection.hpp"
#include "tests/storage/storage_fixture.hpp"

namespace coffer::storage {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

/// A port whose connections the kernel takes and nobody ever serves.
class SilentPort {
public:
    SilentPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        if (bind(socket_, generic, size) != 0 || listen(socket_, 16) != 0 ||
            getsockname(socket_, generic, &size) != 0) {
            throw std::runtime_error("no port to listen on");
        }
        number_ = ntohs(address.sin_port);
    }
    ~SilentPort() { close(socket_); }
    SilentPort(const SilentPort&) = delete;
    SilentPort& operator=(const SilentPort&) = delete;

    [[nodiscard]] std::string number() const { return std::to_string(number_); }
    /// Connections since the last call.
    int take_connections() {
        int count = 0;
        for (int peer = accept(socket_, nullptr, nullptr); peer >= 0;
             peer = accept(socket_, nullptr, nullptr)) {
            close(peer);
            ++count;
        }
        return count;
    }

private:
    int socket_;
    int number_ = 0;
};

class SeveralHostsTest : public StorageTest {
protected:
    [[nodiscard]] std::string silent_then_good(const std::string& more = "") const {
        return "host=127.0.0.1," + server().socket_path().parent_path().string() +
               " port=" + silent_.number() + "," + std::to_string(server().port()) +
               " user=coffer dbname=" + database_name() + more;
    }
    static PgConnection connect(const std::string& conninfo, std::chrono::milliseconds time) {
        return PgConnection::connect(conninfo, std::chrono::steady_clock::now() + time);
    }
    mutable SilentPort silent_;
};

TEST_F(SeveralHostsTest, ASilentHostIsLeft) {
    auto connection = connect(silent_then_good(" target_session_attrs=read-write"), 4s);
    EXPECT_EQ(first_value(connection.exec("SELECT 1", std::chrono::steady_clock::now() + 10s), 0), "1");
    EXPECT_EQ(silent_.take_connections(), 1);
    // And not met again.
    static_cast<void>(connect(silent_then_good(" target_session_attrs=read-write"), 4s));
    EXPECT_EQ(silent_.take_connections(), 0);
}

TEST_F(SeveralHostsTest, TheDatabaseOpensAndServes) {
    auto settings = config();
    settings.conninfo = silent_then_good();
    settings.connect_timeout = 4s;
    EXPECT_EQ(migrate(settings.conninfo, {}).to_version, schema_version());
    const auto node = Database::open(settings, seals_, observer_);
    EXPECT_EQ(read_now<std::int64_t>(*node, [](ReadTransaction& tx) { return SecretRepository::count(tx); }),
              0);
}

TEST_F(SeveralHostsTest, WhatEachHostSaidIsTold) {
    try {
        static_cast<void>(connect(silent_then_good(" target_session_attrs=standby"), 2s));
        FAIL() << "there is no standby";
    } catch (const ConnectError& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr("host 1: the database server did not answer in time"),
                                        HasSubstr("host 2: ")));
    }
}

TEST_F(SeveralHostsTest, APreferredStandbyNeedNotBeThere) {
    auto connection = connect(silent_then_good(" target_session_attrs=prefer-standby"), 8s);
    EXPECT_EQ(
        first_value(connection.exec("SELECT pg_is_in_recovery()", std::chrono::steady_clock::now() + 10s), 0),
        "f");
}

// ---- taken apart ----------------------------------------------------------------------------------------

std::vector<std::string> texts_of(const std::vector<ConninfoValue>& parameters, std::size_t first = 0) {
    std::vector<std::string> texts;
    for (const auto& target : connection_targets(parameters, first)) {
        std::string text;
        auto sorted = target.parameters;
        std::ranges::sort(sorted);
        for (const auto& [keyword, value] : sorted) text += keyword + "=" + value + " ";
        texts.push_back(text);
    }
    return texts;
}

TEST(ConnectionTargets, EachHostHasItsPortAndAddress) {
    using testing::ElementsAre;
    EXPECT_THAT(texts_of({{"host", "a,b"}, {"port", "1,2"}}),
                ElementsAre("host=a port=1 ", "host=b port=2 "));
    EXPECT_THAT(texts_of({{"host", "a,b"}, {"port", "7"}}), ElementsAre("host=a port=7 ", "host=b port=7 "));
    EXPECT_THAT(texts_of({{"host", "a,b"}}, 1), ElementsAre("host=b ", "host=a "));
    EXPECT_THAT(texts_of({{"hostaddr", "1.1.1.1,2.2.2.2"}, {"host", "a,b"}}),
                ElementsAre("host=a hostaddr=1.1.1.1 ", "host=b hostaddr=2.2.2.2 "));
    EXPECT_THAT(texts_of({{"host", "a,b"}, {"target_session_attrs", "prefer-standby"}}),
                ElementsAre("host=a target_session_attrs=standby ", "host=b target_session_attrs=standby ",
                            "host=a target_session_attrs=any ", "host=b target_session_attrs=any "));
}

TEST(ConnectionTargets, WhatLibpqRefusesItIsToRefuse) {
    using testing::ElementsAre;
    EXPECT_THAT(texts_of({{"host", "a,b,c"}, {"port", "1,2"}}), ElementsAre("host=a,b,c port=1,2 "));
    EXPECT_THAT(texts_of({{"host", "a"}, {"port", "1,2"}}), ElementsAre("host=a port=1,2 "));
    EXPECT_THAT(texts_of({{"dbname", "x"}}), ElementsAre("dbname=x "));
}

}  // namespace
}  // namespace coffer::storage
