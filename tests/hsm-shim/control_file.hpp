#pragma once
// The control file, read anew whenever it changed.

#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <mutex>

#include "tests/hsm-shim/rules.hpp"

namespace coffer::shim {

/// Thread-safe.
class ControlFile {
public:
    /// An empty path: there are no rules, ever.
    explicit ControlFile(std::filesystem::path file);

    /// The rules that hold now. Looks at the file's inode, size and time at every call (one stat, about a
    /// microsecond), so that a rule holds for every call that begins after it was written. A file that is not
    /// there has no rules; one that cannot be understood gives nothing (and a line on standard error): no
    /// call is to succeed then, since a test that mistyped a fault must not pass for want of it.
    [[nodiscard]] std::shared_ptr<Rules> current();

private:
    struct Stamp {
        ino_t inode = 0;
        off_t size = -1;
        timespec modified{};
        Stamp() = default;
        explicit Stamp(const struct stat& status);
        [[nodiscard]] bool operator==(const Stamp& other) const noexcept;
    };
    void read();

    std::filesystem::path file_;
    std::mutex mutex_;
    Stamp seen_;
    std::shared_ptr<Rules> rules_ = std::make_shared<Rules>();
};

}  // namespace coffer::shim
