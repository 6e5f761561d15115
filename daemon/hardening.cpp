#include "daemon/hardening.hpp"

#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

#include "crypto/secret_bytes.hpp"

namespace coffer::daemon {

namespace {

// Names that an architecture or an older libseccomp does not know are passed over.
constexpr std::array kDeniedCalls{
    // other programs
    "execve",
    "execveat",
    "fork",
    "vfork",
    // other processes' memory and descriptors
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "pidfd_getfd",
    "kcmp",
    // the kernel
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "lookup_dcookie",
    "syslog",
    // file systems and namespaces
    "mount",
    "umount",
    "umount2",
    "pivot_root",
    "chroot",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "unshare",
    "setns",
    "open_by_handle_at",
    "quotactl",
    "quotactl_fd",
    "swapon",
    "swapoff",
    // the kernel's key rings
    "keyctl",
    "add_key",
    "request_key",
    // clocks, names, hardware
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "stime",
    "sethostname",
    "setdomainname",
    "reboot",
    "acct",
    "iopl",
    "ioperm",
    "personality",
    "vhangup",
    "uselib",
};

struct FilterDeleter {
    void operator()(void* filter) const noexcept { seccomp_release(filter); }
};

std::string reason(int error) {
    return std::generic_category().message(error);
}

void require(bool done, const std::string& what) {
    if (!done) throw HardeningError(what + ": " + reason(errno));
}

void forbid_dumps() {
    const rlimit none{0, 0};
    require(::setrlimit(RLIMIT_CORE, &none) == 0, "core dumps cannot be turned off");
    require(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0, "the process cannot be made undumpable");
    require(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "new privileges cannot be forbidden");
}

void close_standard_input() {
    const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    require(null >= 0 && ::dup2(null, STDIN_FILENO) == STDIN_FILENO, "standard input cannot be closed");
    if (null != STDIN_FILENO) ::close(null);
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);  // a lower limit works, with fewer connections
}

/// MCL_FUTURE under a small limit would make later allocations fail, so it is all or nothing.
void lock_all_memory(std::vector<std::string>& warnings) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY) {
        warnings.emplace_back(
            "memory is not locked, so that values in transit could reach the swap: raise RLIMIT_MEMLOCK to "
            "unlimited "
            "(LimitMEMLOCK=infinity), or turn the swap off and set process.lock_memory = false");
    } else if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
        warnings.emplace_back("memory is not locked: " + reason(errno));
    }
}

}  // namespace

void refuse_root() {
    if (::geteuid() != 0 && ::getuid() != 0) return;
    throw HardeningError(
        "cofferd does not run as root: a fault in it, or in a PKCS#11 module, would be a fault of the whole "
        "machine. "
        "Start it as a user of its own (User=coffer in the systemd unit, or: setpriv --reuid coffer --regid "
        "coffer "
        "--clear-groups cofferd run --config FILE)");
}

void install_syscall_filter() {
    const std::unique_ptr<void, FilterDeleter> filter(seccomp_init(SCMP_ACT_ALLOW));
    if (!filter) throw HardeningError("no filter of system calls could be made");
    for (const char* name : kDeniedCalls) {
        const int number = seccomp_syscall_resolve_name(name);
        if (number == __NR_SCMP_ERROR) continue;
        const int result = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), number, 0);
        if (result != 0 && result != -EDOM) {
            throw HardeningError(std::string("the system call ") + name +
                                 " cannot be denied: " + reason(-result));
        }
    }
    const int result = seccomp_load(filter.get());
    if (result != 0) {
        throw HardeningError(
            "the filter of system calls cannot be loaded: " + reason(-result) +
            "; where the kernel or the container does not allow one, set process.syscall_filter = "
            "false");
    }
}

void protect_memory(std::size_t secure_heap_bytes) {
    forbid_dumps();
    static_cast<void>(crypto::init_secure_heap(secure_heap_bytes));
}

std::vector<std::string> harden_process(const HardeningOptions& options) {
    std::vector<std::string> warnings;
    forbid_dumps();
    ::umask(S_IRWXG | S_IRWXO);
    close_standard_input();
    raise_descriptor_limit();
    if (!crypto::init_secure_heap(options.secure_heap_bytes)) {
        warnings.emplace_back(
            "the heap for secrets is not locked in memory: raise RLIMIT_MEMLOCK (LimitMEMLOCK=infinity) or "
            "lower "
            "process.secure_heap");
    }
    if (options.lock_memory) lock_all_memory(warnings);
    if (options.syscall_filter) install_syscall_filter();
    return warnings;
}

}  // namespace coffer::daemon
