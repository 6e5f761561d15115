#include "storage/access_recorder.hpp"

#include <algorithm>

#include "storage/blocking.hpp"

namespace coffer::storage {

namespace {

/// Versions of one secret that are remembered; more than a secret has, since old versions are pruned.
constexpr std::size_t kMostVersions = 256;

}  // namespace

AccessRecorder::AccessRecorder(Database& database, AccessRecorderConfig config)
    : database_(database),
      config_(config),
      periodic_(config_.flush_interval, [this](Deadline deadline) { flush(deadline); }) {}

AccessRecorder::Shard& AccessRecorder::shard_of(SecretId secret) {
    return shards_[std::hash<SecretId>{}(secret) % kShards];
}
const AccessRecorder::Shard& AccessRecorder::shard_of(SecretId secret) const {
    return shards_[std::hash<SecretId>{}(secret) % kShards];
}

void AccessRecorder::record(SecretId secret, const VersionId& version, Timestamp when,
                            std::string_view principal) {
    const auto day = when.day();
    auto& shard = shard_of(secret);
    const std::lock_guard lock(shard.mutex);
    auto found = shard.secrets.find(secret);
    if (found == shard.secrets.end()) {
        if (!make_room(shard)) {
            ++shard.dropped;
            return;
        }
        found = shard.secrets.emplace(secret, std::vector<VersionDay>()).first;
    }
    auto& days = found->second;
    const auto known =
        std::find_if(days.begin(), days.end(), [&](const auto& d) { return d.version == version; });
    if (known == days.end()) {
        if (make_room(days)) {
            days.push_back({version, day, false, std::string(principal)});
        } else {
            ++shard.dropped;
        }
    } else if (known->day < day) {
        known->day = day;
        known->written = false;
        known->principal = principal;
    }
}

bool AccessRecorder::make_room(Shard& shard) const {
    const auto most = std::max<std::size_t>(config_.max_secrets / kShards, 1);
    if (shard.secrets.size() < most) return true;
    if (shard.full) return false;  // looked through since the last flush
    std::erase_if(shard.secrets, [](const auto& entry) {
        return std::all_of(entry.second.begin(), entry.second.end(), [](const auto& d) { return d.written; });
    });
    shard.full = shard.secrets.size() >= most;
    return !shard.full;
}

bool AccessRecorder::make_room(std::vector<VersionDay>& days) {
    if (days.size() < kMostVersions) return true;
    std::erase_if(days, [](const auto& known) { return known.written; });
    return days.size() < kMostVersions;
}

std::optional<Timestamp> AccessRecorder::day(SecretId secret) const {
    const auto& shard = shard_of(secret);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.secrets.find(secret);
    if (found == shard.secrets.end()) return std::nullopt;
    std::optional<Timestamp> latest;
    for (const auto& known : found->second) {
        if (!latest || *latest < known.day) latest = known.day;
    }
    return latest;
}

std::optional<Timestamp> AccessRecorder::day(SecretId secret, const VersionId& version) const {
    const auto& shard = shard_of(secret);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.secrets.find(secret);
    if (found == shard.secrets.end()) return std::nullopt;
    for (const auto& known : found->second) {
        if (known.version == version) return known.day;
    }
    return std::nullopt;
}

std::uint64_t AccessRecorder::dropped() const {
    std::uint64_t total = 0;
    for (const auto& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        total += shard.dropped;
    }
    return total;
}

std::vector<SecretRepository::Access> AccessRecorder::unwritten() const {
    std::vector<SecretRepository::Access> accesses;
    for (const auto& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        for (const auto& [secret, days] : shard.secrets) {
            for (const auto& known : days) {
                if (!known.written) accesses.push_back({secret, known.version, known.day, known.principal});
            }
        }
    }
    return accesses;
}

void AccessRecorder::mark_written(const std::vector<SecretRepository::Access>& accesses) {
    for (const auto& access : accesses) {
        auto& shard = shard_of(access.secret);
        const std::lock_guard lock(shard.mutex);
        shard.full = false;
        const auto found = shard.secrets.find(access.secret);
        if (found == shard.secrets.end()) continue;
        for (auto& known : found->second) {
            if (known.version == access.version && known.day == access.day) known.written = true;
        }
    }
}

void AccessRecorder::flush(Deadline deadline) {
    const std::lock_guard one_at_a_time(flush_mutex_);
    auto rest = unwritten();
    while (!rest.empty()) {
        const auto cut = rest.end() - static_cast<std::ptrdiff_t>(std::min(kFlushBatchRows, rest.size()));
        const std::vector<SecretRepository::Access> batch(cut, rest.end());
        rest.erase(cut, rest.end());
        try {
            write_and_wait(database_, {.priority = Priority::rewrap, .deadline = deadline},
                           [&batch](WriteTransaction& tx) { SecretRepository::record_accesses(tx, batch); });
        } catch (const Error&) {
            return;  // kept; the database's own observer knows what is wrong
        }
        mark_written(batch);
    }
}

}  // namespace coffer::storage
