// What the process gives up. Each is tried in a child, since nothing of it can be taken back.

#include "daemon/hardening.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

namespace coffer::daemon {
namespace {

using ::testing::ExitedWithCode;
using ::testing::HasSubstr;

/// Runs `check` in a child that ends with 0 when it says yes. Without the exit handlers: a sanitizer's would
/// look into a process that cannot be looked into any more.
template <class Check>
void expect_in_child(Check check) {
    EXPECT_EXIT(::_exit(check() ? 0 : 1), ExitedWithCode(0), "");
}

bool hardened(bool syscall_filter = true) {
    HardeningOptions options;
    options.syscall_filter = syscall_filter;
    options.lock_memory = false;
    options.secure_heap_bytes = 64U * 1024;
    (void)harden_process(options);
    return true;
}

bool denied(long result) {
    return result == -1 && errno == EPERM;
}

TEST(Hardening, NoDumpsAndNoNewPrivileges) {
    expect_in_child([] {
        rlimit core{1, 1};
        return hardened() && ::prctl(PR_GET_DUMPABLE) == 0 && ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
               ::getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0;
    });
}

TEST(Hardening, FilesArePrivateAndStandardInputIsEmpty) {
    expect_in_child([] {
        char byte = 0;
        return hardened() && ::umask(0) == 077 && ::read(STDIN_FILENO, &byte, 1) == 0;
    });
}

TEST(Hardening, ProgramsCannotBeStarted) {
    expect_in_child([] {
        const char* arguments[] = {"/bin/true", nullptr};
        return hardened() && denied(::execv("/bin/true", const_cast<char**>(arguments)));
    });
}

TEST(Hardening, OtherProcessesAndTheKernelAreOutOfReach) {
    expect_in_child([] {
        iovec none{};
        return hardened() && denied(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)) &&
               denied(::process_vm_readv(::getpid(), &none, 1, &none, 1, 0)) &&
               denied(::syscall(SYS_keyctl, 0, -1, 0, 0, 0)) && denied(::syscall(SYS_unshare, 0)) &&
               denied(::syscall(SYS_io_uring_setup, 1, nullptr));
    });
}

TEST(Hardening, WhatTheDaemonNeedsStillWorks) {
    expect_in_child([] {
        if (!hardened()) return false;
        bool ran = false;
        std::thread([&] { ran = ::getpid() > 0; }).join();
        int ends[2];
        return ran && ::pipe(ends) == 0 && ::write(ends[1], "x", 1) == 1;
    });
}

TEST(Hardening, TheFilterCanBeTurnedOff) {
    expect_in_child([] { return hardened(false) && ::syscall(SYS_unshare, 0) == 0; });
}

TEST(Hardening, ThatMemoryIsNotLockedIsSaid) {
    expect_in_child([] {
        rlimit limit{};
        if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return false;
        limit.rlim_cur = 64 * 1024;
        if (::setrlimit(RLIMIT_MEMLOCK, &limit) != 0) return false;
        HardeningOptions options;
        options.secure_heap_bytes = 64U * 1024;
        for (const auto& warning : harden_process(options)) {
            if (warning.find("RLIMIT_MEMLOCK") != std::string::npos) return true;
        }
        return false;
    });
}

TEST(Hardening, RootIsRefusedWithAdvice) {
    if (::geteuid() != 0) {
        EXPECT_NO_THROW(refuse_root());
        return;
    }
    try {
        refuse_root();
        FAIL();
    } catch (const HardeningError& error) {
        EXPECT_THAT(error.what(), HasSubstr("does not run as root"));
        EXPECT_THAT(error.what(), HasSubstr("User=coffer"));
    }
}

}  // namespace
}  // namespace coffer::daemon
