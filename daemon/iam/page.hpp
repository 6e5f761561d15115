#pragma once
// One page of a list that is sorted by name: MaxItems, Marker, IsTruncated.

#include <cstddef>
#include <cstdint>
#include <string>

namespace coffer::iam {

/// Entries of a page, unless the request says otherwise (IAM's default).
inline constexpr std::int64_t kDefaultPage = 100;
/// Bytes of a page's entries after which it ends early, so that it fits a frame.
inline constexpr std::size_t kMaxPageBytes = std::size_t{512} * 1024;

/// Takes the entries of one page. Marker is the name of the page's last entry.
template <class Request, class Response>
class Page {
public:
    Page(const Request& request, Response& response)
        : after_(request.marker()),
          room_(request.has_max_items() ? request.max_items() : kDefaultPage),
          response_(response) {
        response_.set_is_truncated(false);
    }

    /// Whether the entry of that name belongs to this page; then it has to be added. Names come in ascending
    /// order.
    [[nodiscard]] bool takes(const std::string& name) {
        if (full_ || (!after_.empty() && name <= after_)) return false;
        if (room_ == 0 || response_.ByteSizeLong() > kMaxPageBytes) {
            full_ = true;
            response_.set_is_truncated(true);
            response_.set_marker(last_);
            return false;
        }
        --room_;
        last_ = name;
        return true;
    }

private:
    const std::string after_;
    std::int64_t room_;
    Response& response_;
    std::string last_;
    bool full_ = false;
};

}  // namespace coffer::iam
