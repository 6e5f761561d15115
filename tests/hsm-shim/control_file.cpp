#include "tests/hsm-shim/control_file.hpp"

#include <array>
#include <cstdio>
#include <string>
#include <utility>

namespace coffer::shim {
namespace {

struct FileCloser {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

}  // namespace

ControlFile::Stamp::Stamp(const struct stat& status)
    : inode(status.st_ino), size(status.st_size), modified(status.st_mtim) {}

bool ControlFile::Stamp::operator==(const Stamp& other) const noexcept {
    return inode == other.inode && size == other.size && modified.tv_sec == other.modified.tv_sec &&
           modified.tv_nsec == other.modified.tv_nsec;
}

ControlFile::ControlFile(std::filesystem::path file) : file_(std::move(file)) {}

std::shared_ptr<Rules> ControlFile::current() {
    const std::lock_guard lock(mutex_);
    if (file_.empty()) return rules_;
    struct stat status {};
    const bool there = ::stat(file_.c_str(), &status) == 0;
    if (!((there ? Stamp(status) : Stamp()) == seen_)) read();
    return rules_;
}

void ControlFile::read() {
    seen_ = {};
    rules_ = std::make_shared<Rules>();
    const std::unique_ptr<std::FILE, FileCloser> in(std::fopen(file_.c_str(), "re"));
    struct stat status {};
    // The stamp is that of the file which is read, not of one that replaces it meanwhile: reading the same
    // file twice would start the counters of its rules again.
    if (!in || ::fstat(::fileno(in.get()), &status) != 0) return;
    seen_ = Stamp(status);
    std::string text;
    std::array<char, 4096> buffer{};
    while (const auto size = std::fread(buffer.data(), 1, buffer.size(), in.get()))
        text.append(buffer.data(), size);
    try {
        rules_ = Rules::parse(text);
    } catch (const RulesError& error) {
        std::fprintf(stderr, "hsm-shim: %s, %s; every call fails until it is mended\n", file_.c_str(),
                     error.what());
        rules_ = nullptr;
    }
}

}  // namespace coffer::shim
