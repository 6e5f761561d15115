#include "tests/storage/cutting_proxy.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>

namespace coffer::storage {

namespace {

constexpr int kPollMs = 20;

sockaddr_un address_of(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    return address;
}

bool send_all(int socket, const char* data, std::size_t size) {
    while (size > 0) {
        const auto sent = send(socket, data, size, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        data += sent;
        size -= static_cast<std::size_t>(sent);
    }
    return true;
}

bool readable(int socket) {
    pollfd entry{.fd = socket, .events = POLLIN, .revents = 0};
    return poll(&entry, 1, kPollMs) > 0;
}

}  // namespace

struct CuttingProxy::Link {
    int client = -1;
    int server = -1;
    bool started = false;  ///< the startup message, which has no type byte, has passed
    std::string pending;   ///< of the client, not a whole message yet
    std::atomic<bool> cut{false};
    std::thread thread;
    ~Link() {
        if (thread.joinable()) thread.join();
        if (client >= 0) close(client);
        if (server >= 0) close(server);
    }
};

CuttingProxy::CuttingProxy(std::filesystem::path server_socket) : server_socket_(std::move(server_socket)) {
    std::string pattern = (std::filesystem::temp_directory_path() / "coffer-proxy-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    directory_ = pattern;
    const auto address = address_of(directory_ / server_socket_.filename());
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener_, 64) != 0) {
        throw std::runtime_error("the proxy cannot listen");
    }
    acceptor_ = std::thread([this] { accept_clients(); });
}

CuttingProxy::~CuttingProxy() {
    stopping_ = true;
    acceptor_.join();
    links_.clear();
    close(listener_);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

void CuttingProxy::cut_all() {
    const std::lock_guard lock(mutex_);
    for (auto& link : links_) link->cut = true;
}

void CuttingProxy::accept_clients() {
    while (!stopping_) {
        if (!readable(listener_)) continue;
        auto link = std::make_unique<Link>();
        link->client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (link->client < 0 || refused_) continue;
        link->server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const auto address = address_of(server_socket_);
        if (connect(link->server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) continue;
        link->thread = std::thread([this, &link = *link] { serve(link); });
        const std::lock_guard lock(mutex_);
        links_.push_back(std::move(link));
    }
}

void CuttingProxy::serve(Link& link) {
    bool open = true;
    while (open && !stopping_ && !link.cut) {
        std::array<pollfd, 2> entries{{{.fd = link.client, .events = POLLIN, .revents = 0},
                                       {.fd = link.server, .events = POLLIN, .revents = 0}}};
        if (frozen_) {
            poll(nullptr, 0, kPollMs);
            continue;
        }
        if (poll(entries.data(), entries.size(), kPollMs) <= 0) continue;
        if (entries[0].revents != 0) open = forward_from_client(link);
        if (open && entries[1].revents != 0) open = forward_from_server(link);
    }
    shutdown(link.client, SHUT_RDWR);
    if (!link.cut || stopping_) shutdown(link.server, SHUT_RDWR);
}

/// Forwards whole messages (PostgreSQL's protocol 3.0: type, length, content), so that a COMMIT can be told.
bool CuttingProxy::forward_from_client(Link& link) {
    std::array<char, 16384> buffer{};
    const auto got = recv(link.client, buffer.data(), buffer.size(), 0);
    if (got <= 0) return false;
    link.pending.append(buffer.data(), static_cast<std::size_t>(got));
    while (true) {
        const std::size_t header = link.started ? 1 : 0;
        if (link.pending.size() < header + 4) return true;
        std::size_t length = 0;
        for (std::size_t i = 0; i < 4; ++i)
            length = length << 8U | static_cast<unsigned char>(link.pending[header + i]);
        const std::size_t whole = header + length;
        if (link.pending.size() < whole) return true;
        const std::string message = link.pending.substr(0, whole);
        link.pending.erase(0, whole);
        const bool commit = link.started && message[0] == 'Q' && message.compare(5, 6, "COMMIT") == 0;
        link.started = true;
        const auto cut = commit ? cut_.exchange(Cut::none) : Cut::none;
        if (cut != Cut::none) {
            ++cuts_;
            if (cut == Cut::before_commit_unnoticed) link.cut = true;
            if (cut != Cut::after_commit) return false;
            send_all(link.server, message.data(), message.size());
            for (int i = 0; i < 500 && !readable(link.server); ++i) continue;  // the server has answered
            return false;
        }
        if (!send_all(link.server, message.data(), message.size())) return false;
    }
}

bool CuttingProxy::forward_from_server(Link& link) {
    std::array<char, 16384> buffer{};
    const auto got = recv(link.server, buffer.data(), buffer.size(), 0);
    return got > 0 && send_all(link.client, buffer.data(), static_cast<std::size_t>(got));
}

}  // namespace coffer::storage
