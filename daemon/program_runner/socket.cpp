#include "daemon/program_runner/socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "daemon/base/errors.hpp"

namespace coffer::program_runner {

namespace {

constexpr int kBacklog = 64;

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why) {
    throw Error("cannot listen at " + path.string() + ": " + why);
}

std::string last_error() {
    return std::generic_category().message(errno);
}

sockaddr_un address_of(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.native().size() >= sizeof address.sun_path) refuse(path, "the path is too long");
    std::memcpy(address.sun_path, path.c_str(), path.native().size() + 1);
    return address;
}

Fd make_socket() {
    return Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

void require_closed_folder(const std::filesystem::path& path) {
    struct stat folder {};
    if (::stat(path.parent_path().c_str(), &folder) != 0) {
        refuse(path, "its folder: " + last_error() + "; make it, with mode 0750 and the runner's group");
    }
    if ((folder.st_mode & S_IRWXO) != 0 || (folder.st_mode & S_IWGRP) != 0) {
        refuse(path, "its folder is open to others: chmod 0750 " + path.parent_path().string());
    }
}

bool somebody_answers(const sockaddr_un& address) {
    const Fd probe = make_socket();
    return probe && ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

Fd listen_at(const std::filesystem::path& path) {
    require_closed_folder(path);
    const auto address = address_of(path);
    struct stat there {};
    if (::lstat(path.c_str(), &there) == 0) {
        if (!S_ISSOCK(there.st_mode)) refuse(path, "something else is there");
        if (somebody_answers(address)) refuse(path, "another runner listens there");
        if (::unlink(path.c_str()) != 0) refuse(path, last_error());
    }
    Fd listener = make_socket();
    if (!listener) refuse(path, last_error());
    const mode_t before = ::umask(0117);
    const bool bound =
        ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    const int error = errno;
    ::umask(before);
    errno = error;
    if (!bound || ::listen(listener.get(), kBacklog) != 0) refuse(path, last_error());
    return listener;
}

std::optional<uid_t> peer_user(const Fd& connection) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
    return peer.uid;
}

}  // namespace coffer::program_runner
