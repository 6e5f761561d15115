#include "daemon/base/standard_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace coffer {

void reserve_standard_streams() noexcept {
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(stream, F_GETFD) >= 0) continue;
        // The lowest number that is free, which is this one.
        static_cast<void>(::open("/dev/null", (stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC));
    }
}

}  // namespace coffer
