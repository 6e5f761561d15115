#include "daemon/audit/journal_config.hpp"

#include "daemon/audit/record.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::audit {

namespace {
void require(bool good, const char* what) {
    if (!good) throw Error(std::string("audit journal: ") + what);
}
}  // namespace

void require_valid(const JournalConfig& config) {
    require(!config.directory.empty(), "directory must be given");
    require(!config.node.empty() && config.node.size() <= 200, "node must have 1 to 200 bytes");
    require(config.record_bytes_max >= 4096 && config.record_bytes_max <= kRecordJsonBytesMax,
            "record_bytes_max must be 4096 to 1048576");
    require(config.queue_records_max >= 1, "queue_records_max must be 1 or more");
    require(config.queue_bytes_max >= config.record_bytes_max,
            "queue_bytes_max must not be below record_bytes_max");
    require(config.batch_bytes_max >= 4096, "batch_bytes_max must be 4096 or more");
    require(config.segment_bytes_max >= 4096, "segment_bytes_max must be 4096 or more");
    require(config.segment_age_max.count() >= 1, "segment_age_max must be 1 s or more");
    require(config.checkpoint_records >= 1, "checkpoint_records must be 1 or more");
    require(config.checkpoint_interval.count() >= 1, "checkpoint_interval must be 1 ms or more");
    require(config.retry_interval.count() >= 1, "retry_interval must be 1 ms or more");
}

}  // namespace coffer::audit
