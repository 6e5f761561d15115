#include "daemon/audit/line_reader.hpp"

#include <fcntl.h>

#include <algorithm>

namespace coffer::audit {

namespace {
constexpr std::size_t kReadBytes = 64 * 1024;
}

LineReader::LineReader(const std::filesystem::path& file, std::uint64_t offset, std::size_t line_bytes_max,
                       std::uint64_t end)
    : fd_(open_file(file, O_RDONLY)),
      name_(file.filename().string()),
      line_bytes_max_(line_bytes_max),
      end_(end),
      offset_(offset) {}

bool LineReader::fill() {
    buffer_.erase(0, used_);
    used_ = 0;
    const auto from = offset_ + buffer_.size();
    if (from >= end_) return false;
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(kReadBytes, end_ - from));
    const auto had = buffer_.size();
    buffer_.resize(had + want);
    const auto got = read_at(fd_.get(), buffer_.data() + had, want, from, name_);
    buffer_.resize(had + got);
    return got > 0;
}

std::optional<LineReader::Line> LineReader::next() {
    while (true) {
        const auto pending = std::string_view(buffer_).substr(used_);
        const auto feed = pending.find('\n', looked_);
        const auto length = feed == std::string_view::npos ? pending.size() : feed;
        if (length > line_bytes_max_) {
            return Line{pending.substr(0, line_bytes_max_), offset_, false, true};
        }
        if (feed != std::string_view::npos) {
            const Line line{pending.substr(0, feed), offset_, true, false};
            used_ += feed + 1;
            offset_ += feed + 1;
            looked_ = 0;
            return line;
        }
        looked_ = pending.size();
        if (!fill()) return std::nullopt;
    }
}

std::optional<LineReader::Line> LineReader::rest() {
    const auto pending = std::string_view(buffer_).substr(used_);
    if (pending.empty()) return std::nullopt;
    return Line{pending, offset_, false, false};
}

}  // namespace coffer::audit
