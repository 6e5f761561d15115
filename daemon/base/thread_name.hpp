#pragma once
// Names of threads, as top -H, perf and gdb show them.

#include <pthread.h>

#include <string>

namespace coffer {

/// Names a std::thread or std::jthread that runs; the kernel keeps 15 characters.
template <class Thread>
void name_thread(Thread& thread, const std::string& name) {
    pthread_setname_np(thread.native_handle(), name.substr(0, 15).c_str());
}

}  // namespace coffer
