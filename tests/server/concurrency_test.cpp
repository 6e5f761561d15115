// Many at once, on several threads: for ThreadSanitizer, and for what garbage does to the others.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "test_server.hpp"

namespace coffer::testing {
namespace {

std::size_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::size_t pages = 0;
    statm >> pages >> pages;
    return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST(Concurrency, ManyClientsPipelineWhileCertificatesAreReloaded) {
    TestServerOptions options;
    options.io_threads = 2;
    options.with_crl = true;
    TestServer server(options);
    server.gate.open();
    std::atomic<int> wrong{0};
    std::vector<std::thread> clients;
    for (int c = 0; c < 8; ++c) {
        clients.emplace_back([&, c] {
            TestClient client(server.client());
            if (!client.hello()) ++wrong;
            for (int round = 0; round < 20; ++round) {
                std::string requests;
                for (std::uint64_t id = 0; id < 32; ++id) {
                    requests += wire(get_frame(id, (id % 3 == 0 ? "wait/" : "plain/") + std::to_string(c)));
                }
                client.send_bytes(requests);
                std::uint64_t sum = 0;
                for (int i = 0; i < 32; ++i) {
                    const auto answer = client.read_frame();
                    if (!answer || !answer->response().has_get_secret_value()) {
                        ++wrong;
                        return;
                    }
                    sum += answer->response().id();
                }
                if (sum != 31 * 32 / 2) ++wrong;
            }
        });
    }
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(server.reload());
    (void)server.metrics();
    for (auto& client : clients) client.join();
    EXPECT_EQ(wrong, 0);
}

TEST(Concurrency, GarbageConnectionsHarmNobody) {
    TestServerOptions options;
    options.io_threads = 2;
    options.limits.connections_per_second = 0;
    // Some 40 kB for each that is open: how many are at a time is the limit's to say, not the machine's speed.
    options.limits.max_connections = 500;
    TestServer server(options);
    TestClient honest(server.client());
    ASSERT_TRUE(honest.hello().has_value());
    const auto spray = [&](int count, unsigned seed) {
        std::string garbage(600, '\0');
        for (int i = 0; i < count; ++i) {
            for (char& c : garbage) {
                seed = seed * 1664525U + 1013904223U;
                c = static_cast<char>(seed >> 24U);
            }
            const int fd = connect_to(server.port());
            (void)::send(fd, garbage.data(), garbage.size(), MSG_NOSIGNAL);
            ::close(fd);
        }
    };
    spray(200, 1);  // until buffers and caches have the size they keep
    const std::size_t before = resident_bytes();
    std::thread one([&] { spray(1000, 2); });
    std::thread two([&] { spray(1000, 3); });
    for (std::uint64_t id = 1; id <= 200; ++id) {
        honest.send_frame(get_frame(id, "honest"));
        const auto answer = honest.read_frame();
        ASSERT_TRUE(answer.has_value());
        ASSERT_EQ(answer->response().id(), id);
    }
    one.join();
    two.join();
    server.wait_for_connections(1);
    // The sanitizers keep freed memory back and have shadows of it; they look for leaks in their own way.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    EXPECT_LT(resident_bytes(), before + 64U * 1024 * 1024);
#else
    EXPECT_GT(resident_bytes(), 0U);
    (void)before;
#endif
}

TEST(Concurrency, ClientsThatVanishInTheMiddle) {
    TestServerOptions options;
    options.io_threads = 2;
    TestServer server(options);
    std::vector<std::thread> clients;
    for (int c = 0; c < 4; ++c) {
        clients.emplace_back([&] {
            for (int i = 0; i < 25; ++i) {
                TestClient client(server.client());
                client.send_bytes(wire(hello_frame()) + wire(get_frame(1, "wait/a")) +
                                  wire(get_frame(2, "b")) + wire(get_frame(3, "c")).substr(0, 9));
                if (i % 2 == 0) (void)client.read_frame();
            }
        });
    }
    for (auto& client : clients) client.join();
    server.gate.open();
    server.wait_for_connections(0);
}

TEST(Concurrency, DrainUnderLoad) {
    TestServerOptions options;
    options.io_threads = 2;
    TestServer server(options);
    server.gate.open();
    std::atomic<int> unanswered{0};
    std::vector<std::thread> clients;
    std::atomic<int> ready{0};
    for (int c = 0; c < 4; ++c) {
        clients.emplace_back([&] {
            TestClient client(server.client());
            if (!client.hello()) ++unanswered;
            ++ready;
            for (std::uint64_t id = 1;; ++id) {
                client.send_frame(get_frame(id, "wait/x"));
                const auto answer = client.read_frame();
                if (!answer) {
                    ++unanswered;  // the last word must be a ConnectionError, not a broken connection
                    return;
                }
                if (answer->has_connection_error()) {
                    if (answer->connection_error().reason() != v1::ConnectionError::SHUTTING_DOWN)
                        ++unanswered;
                    return;
                }
            }
        });
    }
    wait_until([&] { return ready == 4; });
    server.drain(std::chrono::seconds(60)).get();
    for (auto& client : clients) client.join();
    EXPECT_EQ(unanswered, 0);
}

}  // namespace
}  // namespace coffer::testing
