#include "daemon/audit/syslog_sink.hpp"

#include <utility>

namespace coffer::audit {

namespace {
/// More than the send and receive buffers of a connection hold by default.
constexpr std::size_t kRecentBytesMax = 1024 * 1024;
}  // namespace

SyslogSink::SyslogSink(std::string name, net::TlsTarget target, SyslogIdentity identity)
    : name_(std::move(name)), identity_(std::move(identity)), connection_(std::move(target)) {}

void SyslogSink::ensure_connection() {
    if (connection_.is_open() && !connection_.peer_has_closed()) return;
    connection_.connect();
    connection_.watch_peer();
    for (const auto& batch : recent_) connection_.write(batch);
}

void SyslogSink::remember(std::string framed) {
    recent_bytes_ += framed.size();
    recent_.push_back(std::move(framed));
    while (recent_.size() > 1 && recent_bytes_ > kRecentBytesMax) {
        recent_bytes_ -= recent_.front().size();
        recent_.pop_front();
    }
}

void SyslogSink::deliver(std::span<const ShippedRecord> records) {
    std::string framed;
    for (const auto& record : records) framed += syslog_frame(syslog_message(record, identity_));
    ensure_connection();
    connection_.write(framed);
    remember(std::move(framed));
}

}  // namespace coffer::audit
