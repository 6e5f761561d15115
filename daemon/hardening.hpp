#pragma once
// What the process gives up and protects before it touches anything secret. Linux only.

#include <string>
#include <vector>

#include "daemon/base/errors.hpp"

namespace coffer::daemon {

/// The process may not go on. `what()` says what to do.
class HardeningError : public Error {
public:
    using Error::Error;
};

struct HardeningOptions {
    bool syscall_filter = true;
    bool lock_memory = true;
    std::size_t secure_heap_bytes = 1024U * 1024;
};

/// Throws HardeningError when the effective or real user is root.
void refuse_root();

/// Before any thread is started: no core dumps, not dumpable, no new privileges, private files by default,
/// standard input closed, as many descriptors as the hard limit allows, the locked heap for secrets, all
/// memory locked where RLIMIT_MEMLOCK is unlimited, and the filter of system calls.
///
/// Returns what could not be had, one line each, for the log. Throws HardeningError when what must be had
/// (all but locked memory) is not.
[[nodiscard]] std::vector<std::string> harden_process(const HardeningOptions& options);

/// For commands that have the token's PIN and keys for a moment: no core dumps, not dumpable, no new
/// privileges, and the heap for secrets, locked where the limit allows. Throws HardeningError.
void protect_memory(std::size_t secure_heap_bytes);

/// Denies (EPERM) the system calls that cofferd and its libraries have no use for and an attacker would: to
/// start programs, to read other processes, to load code into the kernel, to change mounts, keys and clocks.
/// A list of what is denied rather than of what is allowed, since a PKCS#11 module may need anything else.
/// For this thread and those that it starts. Throws HardeningError.
void install_syscall_filter();

}  // namespace coffer::daemon
