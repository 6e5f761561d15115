#pragma once
// A proxy before a PostgreSQL server's Unix socket that cuts connections at chosen instants: what networks
// and fail-overs do, without a network.

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace coffer::storage {

/// What happens to the next COMMIT that passes. Happens once, then connections pass again.
enum class Cut {
    none,
    before_commit,            ///< COMMIT is not forwarded; both sides are cut
    before_commit_unnoticed,  ///< COMMIT is not forwarded; the server still has its client
    after_commit              ///< COMMIT is forwarded; its answer is not, the client is cut
};

/// Serves until it is destroyed. Thread-safe.
class CuttingProxy {
public:
    explicit CuttingProxy(std::filesystem::path server_socket);
    ~CuttingProxy();
    CuttingProxy(const CuttingProxy&) = delete;
    CuttingProxy& operator=(const CuttingProxy&) = delete;

    /// The value of "host" in a connection string.
    [[nodiscard]] std::string host() const { return directory_.string(); }

    void cut_next_commit(Cut cut) { cut_ = cut; }
    /// Commits that were cut.
    [[nodiscard]] int cuts() const { return cuts_; }
    /// From now on nothing is forwarded in either direction, and nothing closed.
    void freeze(bool frozen) { frozen_ = frozen; }
    /// New connections are refused while closed.
    void refuse(bool refused) { refused_ = refused; }
    void cut_all();

private:
    struct Link;
    void accept_clients();
    void serve(Link& link);
    bool forward_from_client(Link& link);
    static bool forward_from_server(Link& link);

    const std::filesystem::path server_socket_;
    std::filesystem::path directory_;
    int listener_ = -1;
    std::atomic<Cut> cut_{Cut::none};
    std::atomic<int> cuts_{0};
    std::atomic<bool> frozen_{false};
    std::atomic<bool> refused_{false};
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::vector<std::unique_ptr<Link>> links_;
    std::thread acceptor_;
};

}  // namespace coffer::storage
