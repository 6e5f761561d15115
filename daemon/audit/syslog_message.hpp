#pragma once
// A record as a syslog message (RFC 5424), framed for TLS (RFC 5425, 4.3).

#include <string>
#include <string_view>

#include "daemon/audit/sink.hpp"

namespace coffer::audit {

/// Who a syslog server takes the sender for.
struct SyslogIdentity {
    std::string host_name;             ///< RFC 5424, 6.2.4: at most 255 printable ASCII characters
    std::string app_name = "cofferd";  ///< 6.2.5: at most 48
    std::string process_id = "-";      ///< 6.2.6
};

/// "<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID [meta sequenceId="N"] BOM JSON": facility 13 (log audit);
/// severity 6 (informational), for events with an errorCode 4 (warning); MSGID is EVENT or CHECKPOINT. The
/// sequenceId of RFC 5424, 7.3.1 ends at 2147483647 and begins again with 1.
[[nodiscard]] std::string syslog_message(const ShippedRecord& record, const SyslogIdentity& identity);

/// MSG-LEN SP SYSLOG-MSG.
[[nodiscard]] std::string syslog_frame(std::string_view message);

}  // namespace coffer::audit
