#pragma once
// Syslog over TLS (RFC 5425). Syslog has no acknowledgement: what a server had received and not yet kept when
// it died is lost, whatever the sender does. Where that matters, use HTTPS or the database besides.

#include <deque>
#include <string>

#include "daemon/audit/syslog_message.hpp"
#include "daemon/audit/sink.hpp"
#include "daemon/net/tls_connection.hpp"

namespace coffer::audit {

class SyslogSink final : public Sink {
public:
    /// Throws net::ConnectionError when a file cannot be read.
    SyslogSink(std::string name, net::TlsTarget target, SyslogIdentity identity);

    [[nodiscard]] std::string_view name() const noexcept override { return name_; }
    /// Writes all records. When the connection has ended since the last batch, that batch is sent again
    /// first: it may have been lost with the connection.
    void deliver(std::span<const ShippedRecord> records) override;
    void cancel() noexcept override { connection_.cancel(); }

private:
    void ensure_connection();
    void remember(std::string framed);

    const std::string name_;
    const SyslogIdentity identity_;
    net::TlsConnection connection_;
    std::deque<std::string> recent_;  // batches, framed, oldest first
    std::size_t recent_bytes_ = 0;
};

}  // namespace coffer::audit
