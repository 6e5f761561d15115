#include "tests/support/postgres.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <glob.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace coffer::test {

namespace fs = std::filesystem;

namespace {

/// The newest PostgreSQL that Debian's packages have installed, or what PATH finds.
fs::path find_binaries() {
    glob_t found{};
    fs::path newest;
    if (glob("/usr/lib/postgresql/*/bin/initdb", 0, nullptr, &found) == 0) {
        int best = 0;
        for (std::size_t i = 0; i < found.gl_pathc; ++i) {
            const fs::path directory = fs::path(found.gl_pathv[i]).parent_path();
            const int version = std::atoi(directory.parent_path().filename().c_str());
            if (version > best) {
                best = version;
                newest = directory;
            }
        }
    }
    globfree(&found);
    if (newest.empty()) throw std::runtime_error("no PostgreSQL server: install the package 'postgresql'");
    return newest;
}

int free_tcp_port() {
    const int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    const bool bound = bind(socket_fd, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                       getsockname(socket_fd, reinterpret_cast<sockaddr*>(&address), &length) == 0;
    close(socket_fd);
    if (!bound) throw std::runtime_error("no free TCP port on the loopback");
    return ntohs(address.sin_port);
}

/// Starts `command` with its output appended to `log`.
pid_t spawn(const std::vector<std::string>& command, const fs::path& log) {
    std::vector<char*> argv;
    for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&actions, 2, 1);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    // A group of its own: what signals the test's group does not end the server, and kill() reaches all of
    // it.
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attributes, 0);
    pid_t pid = -1;
    const int failed = posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (failed != 0) throw std::runtime_error("cannot start " + command.front());
    return pid;
}

/// Runs `command` to its end.
void run(const std::vector<std::string>& command, const fs::path& log) {
    const pid_t pid = spawn(command, log);
    int status = 0;
    waitpid(pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        std::stringstream text;
        text << command.front() << " failed:\n" << std::ifstream(log).rdbuf();
        throw std::runtime_error(text.str());
    }
}

using ResultPtr = std::unique_ptr<PGresult, void (*)(PGresult*)>;

void append_rows(const PGresult& result, std::string& output) {
    for (int row = 0; row < PQntuples(&result); ++row) {
        for (int column = 0; column < PQnfields(&result); ++column) {
            if (column > 0) output += '|';
            output += PQgetvalue(&result, row, column);
        }
        output += '\n';
    }
}

}  // namespace

PostgresServer::PostgresServer(PostgresOptions options)
    : options_(std::move(options)), binaries_(find_binaries()) {
    std::string pattern = (fs::temp_directory_path() / "coffer-pg-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a directory under /tmp");
    root_ = pattern;
    try {
        initialize();
        start();
    } catch (...) {
        kill();
        fs::remove_all(root_);
        throw;
    }
}

PostgresServer::~PostgresServer() {
    kill();
    std::error_code ignored;
    fs::remove_all(root_, ignored);
}

std::vector<std::string> PostgresServer::as_owner(std::vector<std::string> command) const {
    // A test program that is killed takes its server along.
    std::vector<std::string> wrapped{"setpriv", "--pdeathsig=QUIT"};
    if (geteuid() == 0) {
        for (const char* option : {"--reuid=postgres", "--regid=postgres", "--init-groups"})
            wrapped.emplace_back(option);
    }
    wrapped.insert(wrapped.end(), command.begin(), command.end());
    return wrapped;
}

void PostgresServer::initialize() {
    if (geteuid() == 0) {
        const passwd* owner = getpwnam("postgres");
        if (owner == nullptr) throw std::runtime_error("no system user 'postgres' to run the server as");
        if (chown(root_.c_str(), owner->pw_uid, owner->pw_gid) != 0) throw std::runtime_error("chown");
    }
    fs::permissions(root_, fs::perms(0755));
    run(as_owner({binaries_ / "initdb", "-D", root_ / "data", "-U", "coffer", "--auth=trust",
                  "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"}),
        root_ / "initdb.log");
    if (options_.tcp) port_ = free_tcp_port();
    configure("unix_socket_directories = '" + root_.string() + "'");
    configure(options_.tcp ? "listen_addresses = '127.0.0.1'" : "listen_addresses = ''");
    if (options_.tcp) configure("port = " + std::to_string(port_));
    configure(options_.fsync ? "fsync = on" : "fsync = off");
    configure("shared_buffers = '32MB'");
    configure("log_line_prefix = '%m [%p] '");
    for (const auto& setting : options_.settings) configure(setting);
}

void PostgresServer::configure(const std::string& line) {
    std::ofstream(root_ / "data" / "postgresql.conf", std::ios::app) << line << '\n';
}

void PostgresServer::start() {
    if (running()) return;
    postmaster_ = spawn(as_owner({binaries_ / "postgres", "-D", root_ / "data"}), root_ / "server.log");
    wait_until_it_answers();
}

void PostgresServer::wait_until_it_answers() {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < give_up) {
        try {
            query("postgres", "SELECT 1");
            return;
        } catch (const std::runtime_error&) {
            int status = 0;
            if (waitpid(postmaster_, &status, WNOHANG) == postmaster_) break;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }
    throw std::runtime_error("PostgreSQL did not start:\n" + log());
}

void PostgresServer::stop() {
    if (!running()) return;
    ::kill(postmaster_, SIGINT);
    int status = 0;
    waitpid(postmaster_, &status, 0);
    postmaster_ = -1;
}

void PostgresServer::kill() {
    if (!running()) return;
    // The postmaster's children have sessions of their own. When it dies, they notice and end.
    ::kill(postmaster_, SIGQUIT);
    int status = 0;
    waitpid(postmaster_, &status, 0);
    postmaster_ = -1;
}

void PostgresServer::reload() {
    if (running()) ::kill(postmaster_, SIGHUP);
}

void PostgresServer::create_database(const std::string& name) {
    query("postgres", "CREATE DATABASE \"" + name + "\" TEMPLATE template0 ENCODING 'UTF8'");
}

void PostgresServer::copy_database(const std::string& source, const std::string& name) {
    query("postgres", "CREATE DATABASE \"" + name + "\" TEMPLATE \"" + source + "\"");
}

fs::path PostgresServer::socket_path() const {
    return root_ / (".s.PGSQL." + std::to_string(port_ == 0 ? 5432 : port_));
}

std::string PostgresServer::conninfo(const std::string& database) const {
    std::string text = "host=" + root_.string() + " user=coffer dbname=" + database;
    if (port_ != 0) text += " port=" + std::to_string(port_);
    return text;
}

std::string PostgresServer::tcp_conninfo(const std::string& database) const {
    if (port_ == 0) throw std::logic_error("this server does not listen on TCP");
    return "host=127.0.0.1 port=" + std::to_string(port_) + " user=coffer dbname=" + database;
}

std::string PostgresServer::log() const {
    std::stringstream text;
    text << std::ifstream(root_ / "server.log").rdbuf();
    return text.str();
}

std::string PostgresServer::query(const std::string& database, const std::string& sql) {
    const std::unique_ptr<PGconn, void (*)(PGconn*)> connection(PQconnectdb(conninfo(database).c_str()),
                                                                PQfinish);
    if (PQstatus(connection.get()) != CONNECTION_OK)
        throw std::runtime_error(PQerrorMessage(connection.get()));
    PQsetNoticeProcessor(
        connection.get(), [](void*, const char*) {}, nullptr);
    // Not PQexec, which keeps the last statement's result alone.
    if (PQsendQuery(connection.get(), sql.c_str()) != 1)
        throw std::runtime_error(PQerrorMessage(connection.get()));
    std::string output;
    std::string error;
    while (const ResultPtr result{PQgetResult(connection.get()), PQclear}) {
        const auto status = PQresultStatus(result.get());
        if (status == PGRES_TUPLES_OK) {
            append_rows(*result, output);
        } else if (status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY) {
            error += PQresultErrorMessage(result.get());
        }
    }
    if (!error.empty()) throw std::runtime_error(error + "in: " + sql);
    while (!output.empty() && output.back() == '\n') output.pop_back();
    return output;
}

}  // namespace coffer::test
