#include "daemon/secrets/refusal_journal.hpp"

#include <fmt/format.h>

#include <utility>

#include "daemon/base/thread_name.hpp"

namespace coffer::secrets {

namespace {

/// Bytes of a message that an event keeps: some of them quote the peer.
constexpr std::size_t kMessageBytesMax = 512;
/// As long as the longest that there are (AWS, IAM API reference, AccessKey).
constexpr std::size_t kUnknownIdBytesMax = 32;
/// Sorts behind every other key and is none of them.
constexpr std::string_view kOthers = "\xFF";

std::string key_of(const Refusal& refusal) {
    const auto& caller = refusal.caller;
    return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", static_cast<int>(refusal.kind), refusal.code,
                       refusal.cause, caller.principal, caller.access_key_id, caller.source_address,
                       caller.listener, refusal.certificate_sha256);
}

}  // namespace

RefusalJournal::RefusalJournal(audit::Journal& journal, EventMaker maker, const Clock& clock,
                               RefusalLimits limits)
    : journal_(journal), maker_(std::move(maker)), clock_(clock), limits_(limits) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
    name_thread(thread_, "refusals");
}

RefusalJournal::~RefusalJournal() {
    close();
}

void RefusalJournal::close() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
}

void RefusalJournal::refused(const Refusal& refusal) noexcept {
    try {
        count(refusal);
    } catch (const std::exception&) {
        // No memory: whoever is refused is so all the same, and metrics count it.
    }
}

void RefusalJournal::count(const Refusal& refusal) {
    const auto key = key_of(refusal);
    const auto now = clock_.now();
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        first = groups_.empty();
        auto found = groups_.find(key);
        if (found == groups_.end()) {
            const bool room = groups_.size() < limits_.events_max;
            RefusalGroup group;
            if (room) {
                group.kind = refusal.kind;
                group.code = refusal.code;
                group.message = refusal.message.substr(0, kMessageBytesMax);
                group.caller = refusal.caller;
                group.certificate_sha256 = refusal.certificate_sha256;
                group.cause = refusal.cause;
                group.unknown_access_key_id = refusal.unknown_access_key_id.substr(0, kUnknownIdBytesMax);
            } else {
                group.code = "Others";
                group.message = "refused for other reasons, or to others";
            }
            group.first = now;
            found = groups_.try_emplace(room ? key : std::string(kOthers), std::move(group)).first;
        }
        ++found->second.count;
        found->second.last = now;
    }
    if (first) wake_.notify_one();
}

void RefusalJournal::run(const std::stop_token& stop) {
    while (true) {
        Groups groups;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, stop, [this] { return !groups_.empty(); });
            wake_.wait_for(lock, stop, limits_.interval, [] { return false; });
            groups.swap(groups_);
        }
        write(groups);
        if (stop.stop_requested()) return;
    }
}

void RefusalJournal::write(const Groups& groups) {
    for (const auto& [key, group] : groups) {
        // Never from the reserve: it is kept for those who help when the disk is full.
        journal_.append(maker_.of_refusals(group), audit::Admission::request, [](Outcome<audit::Receipt>) {});
    }
}

}  // namespace coffer::secrets
