#pragma once
// A private PostgreSQL cluster for a test program: its own directory, Unix socket, and processes, gone when
// the object is. Runs as the system user "postgres" when the test runs as root, which PostgreSQL refuses.

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace coffer::test {

struct PostgresOptions {
    /// Listen on 127.0.0.1 as well, on a free port.
    bool tcp = false;
    /// Whether commits wait for the disk. Off makes tests fast; a killed server still loses nothing then, as
    /// the operating system keeps running.
    bool fsync = false;
    /// Lines for postgresql.conf.
    std::vector<std::string> settings;
};

/// Throws std::runtime_error with the server's log when something does not work. Used by one thread, which
/// outlives it (the server ends with the thread that started it).
class PostgresServer {
public:
    explicit PostgresServer(PostgresOptions options = {});
    ~PostgresServer();
    PostgresServer(const PostgresServer&) = delete;
    PostgresServer& operator=(const PostgresServer&) = delete;

    /// Starts the server and waits until it answers. The constructor does so first.
    void start();
    /// Ends all sessions and shuts down ("fast").
    void stop();
    /// Kills every process of the server, as a power failure does.
    void kill();
    /// Rereads postgresql.conf.
    void reload();
    /// Adds a line to postgresql.conf, for start() or reload().
    void configure(const std::string& line);
    [[nodiscard]] bool running() const noexcept { return postmaster_ > 0; }

    /// Makes an empty UTF-8 database.
    void create_database(const std::string& name);
    /// Makes a database that is as `source` is, to which nobody may be connected: to migrate once for many
    /// tests.
    void copy_database(const std::string& source, const std::string& name);

    /// libpq connection string over the Unix socket.
    [[nodiscard]] std::string conninfo(const std::string& database = "postgres") const;
    /// The same over TCP; only with PostgresOptions::tcp.
    [[nodiscard]] std::string tcp_conninfo(const std::string& database = "postgres") const;
    [[nodiscard]] int port() const noexcept { return port_; }
    /// The Unix socket itself.
    [[nodiscard]] std::filesystem::path socket_path() const;
    /// The server's log so far.
    [[nodiscard]] std::string log() const;

    /// Runs `sql` as the database's owner and returns the rows of all its statements, one a line, with `|`
    /// between columns, as `psql -A -t` prints them.
    std::string query(const std::string& database, const std::string& sql);

private:
    void initialize();
    void wait_until_it_answers();
    [[nodiscard]] std::vector<std::string> as_owner(std::vector<std::string> command) const;

    PostgresOptions options_;
    std::filesystem::path binaries_;
    std::filesystem::path root_;
    pid_t postmaster_ = -1;
    int port_ = 0;
};

}  // namespace coffer::test
