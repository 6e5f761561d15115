#pragma once
// Refusals as audit events, in bounded number: whoever is turned away a million times a second must not fill
// the journal. Those of one kind, reason, caller, access key, address and listener are one event with a
// count; there are few such events in each interval, and the rest are counted together.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "daemon/audit/journal.hpp"
#include "daemon/base/time.hpp"
#include "daemon/secrets/audit_trail.hpp"
#include "daemon/secrets/refusals.hpp"

namespace coffer::secrets {

struct RefusalLimits {
    /// From the first refusal to its event: those that come meanwhile are counted in it.
    std::chrono::milliseconds interval{10'000};
    /// Events of an interval that tell refusals apart; one more has the count of all others.
    std::size_t events_max = 8;
};

/// Thread-safe.
class RefusalJournal final : public RefusalObserver {
public:
    /// Both references must outlive it.
    RefusalJournal(audit::Journal& journal, EventMaker maker, const Clock& clock, RefusalLimits limits = {});
    ~RefusalJournal() override;
    RefusalJournal(const RefusalJournal&) = delete;
    RefusalJournal& operator=(const RefusalJournal&) = delete;

    void refused(const Refusal& refusal) noexcept override;

    /// Writes what was counted, and takes no more. Also done by the destructor.
    void close();

private:
    using Groups = std::map<std::string, RefusalGroup, std::less<>>;

    void count(const Refusal& refusal);
    void run(const std::stop_token& stop);
    void write(const Groups& groups);

    audit::Journal& journal_;
    const EventMaker maker_;
    const Clock& clock_;
    const RefusalLimits limits_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    Groups groups_;
    std::jthread thread_;
};

}  // namespace coffer::secrets
