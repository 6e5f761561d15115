#include "daemon/secrets/change_outbox.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "daemon/base/thread_name.hpp"

namespace coffer::secrets {

namespace {

constexpr std::size_t kMacBytes = 32;
/// How long an event stays in the table after it was journaled.
constexpr std::chrono::milliseconds kRemoveInterval{200};
/// How many are removed in one transaction.
constexpr std::size_t kRemovedTogether = 1000;
/// Older than any transaction that is still under way on this node and not known to be so.
constexpr std::chrono::seconds kLeftBehind{30};
constexpr std::chrono::seconds kOutboxPatience{10};
/// A node that is upgraded or restarted comes back before that.
constexpr std::chrono::hours kLeftByOther{1};
constexpr std::size_t kLookedAtTogether = 1000;
/// So many that were given up are known: for others the journal is searched.
constexpr std::size_t kGivenUpMax = 10'000;

Deadline soon() {
    return std::chrono::steady_clock::now() + kOutboxPatience;
}

/// Whether a row that none of this node's keys has made may be of a generation that its token does not hold.
bool may_be_under_another_key(const storage::OutboxRow& row, const std::vector<std::uint32_t>& readable) {
    return row.generation != 0 && std::ranges::find(readable, row.generation) == readable.end();
}

}  // namespace

// ---- rows -----------------------------------------------------------------------------------------------

namespace {

Bytes mac_of(const crypto::SecretBytes& key, const storage::OutboxRow& row) {
    const auto message = CanonicalEncoder("coffer/audit/outbox/v1")
                             .text(row.event_id.text())
                             .text(row.node)
                             .text(row.event)
                             .take();
    Bytes out(kMacBytes);
    unsigned size = 0;
    if (HMAC(EVP_sha256(), key.view().data(), static_cast<int>(key.size()), message.data(), message.size(),
             out.data(), &size) == nullptr ||
        size != kMacBytes) {
        throw Error("OpenSSL could not authenticate an audit event");
    }
    return out;
}

}  // namespace

storage::OutboxRow OutboxRows::make(Uuid event_id, std::string json) const {
    const auto [generation, key] = keys_->newest_numbered();
    storage::OutboxRow row{event_id, node_, std::move(json), {}, generation};
    row.mac = mac_of(*key, row);
    return row;
}

bool OutboxRows::is_genuine(const storage::OutboxRow& row) const {
    return std::ranges::any_of(keys_->all(), [&](const crypto::SharedKey& key) {
        return crypto::constant_time_equal(mac_of(*key, row), row.mac);
    });
}

// ---- the table ------------------------------------------------------------------------------------------

/// The rows that were left behind, for audit::journal_pending_changes().
class ChangeOutbox::Pending final : public audit::ChangeOutbox {
public:
    Pending(secrets::ChangeOutbox& outbox, std::chrono::milliseconds age, Deadline deadline)
        : outbox_(outbox), age_(age), options_{Priority::write, deadline} {}

    [[nodiscard]] std::vector<audit::OutboxEvent> pending(std::size_t count_max) override {
        using Rows = std::vector<storage::OutboxRow>;
        const auto readable = outbox_.rows_.readable();
        auto rows = wait_for<Rows>([&](Completion<Rows> done) {
            outbox_.database_.read<Rows>(
                options_,
                [&](storage::ReadTransaction& tx) {
                    return storage::AuditOutbox::pending(tx, outbox_.rows_.node(), age_, count_max, readable);
                },
                std::move(done));
        });
        std::vector<audit::OutboxEvent> events;
        std::vector<Uuid> forged;
        std::size_t unreadable = 0;
        for (auto& row : rows) {
            if (outbox_.is_under_way(row.event_id)) continue;
            // Due or not: whoever forges a row sets its time as he likes. Without the key, which the token
            // does not hold, or not yet, nobody can say whether it is forged. The generation is under no MAC:
            // a genuine event stays one when that was altered.
            const bool genuine = outbox_.rows_.is_genuine(row);
            if (!genuine && may_be_under_another_key(row, readable)) {
                ++unreadable;
            } else if (!genuine) {
                forged.push_back(row.event_id);
            } else if (row.due) {
                const auto told = outbox_.note_appending(row.event_id);
                if (told == Told::nobody_here_did) strangers_.insert(row.event_id);
                events.push_back({row.event_id.text(), std::move(row.event), told != Told::no});
            }
        }
        if (!forged.empty()) {
            outbox_.events_.forged(forged);
            outbox_.remove(std::move(forged), options_);
        }
        if (unreadable > 0 && events.empty()) {
            outbox_.events_.failed(fmt::format(
                "{} events are under a generation of the seal key that the token of this node does not hold; "
                "they stay in the table audit_outbox",
                unreadable));
        }
        return events;
    }

    void found(const std::vector<std::string>& event_ids) override {
        std::vector<Uuid> replayed;
        for (const auto& text : event_ids) {
            const auto id = Uuid::parse(text).value();
            if (strangers_.contains(id)) replayed.push_back(id);
        }
        if (!replayed.empty()) outbox_.events_.replayed(replayed);
    }

    void journaled(const std::vector<std::string>& event_ids) override {
        std::vector<Uuid> ids;
        for (const auto& text : event_ids) ids.push_back(Uuid::parse(text).value());
        outbox_.remove(std::move(ids), options_);
    }

private:
    secrets::ChangeOutbox& outbox_;
    const std::chrono::milliseconds age_;
    const JobOptions options_;
    std::unordered_set<Uuid> strangers_;  ///< that this run knows nothing of
};

ChangeOutbox::ChangeOutbox(storage::Database& database, audit::Journal& journal, const OutboxRows& rows,
                           OutboxEvents events, std::chrono::milliseconds look_interval)
    : database_(database),
      journal_(journal),
      rows_(rows),
      events_(std::move(events)),
      look_interval_(look_interval) {}

ChangeOutbox::~ChangeOutbox() {
    close();
}

void ChangeOutbox::open(Deadline deadline) {
    if (const auto count = catch_up(std::chrono::milliseconds(0), deadline)) events_.caught_up(count);
    {
        const std::lock_guard lock(mutex_);
        caught_up_ = true;
    }
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
    name_thread(thread_, "outbox");
}

void ChangeOutbox::close() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
    remove_journaled();
    try {
        static_cast<void>(catch_up(std::chrono::milliseconds(0), soon()));
    } catch (const Unavailable&) {
        // They are journaled at the next start.
    } catch (const std::exception& error) {
        events_.failed(error.what());
    }
}

void ChangeOutbox::expect(Uuid event_id) {
    const std::lock_guard lock(mutex_);
    under_way_.insert(event_id);
}

void ChangeOutbox::expect_along(Uuid event_id, Uuid companion) {
    const std::lock_guard lock(mutex_);
    under_way_.insert(companion);
    companions_[event_id].push_back(companion);
}

std::vector<Uuid> ChangeOutbox::take_with_companions(const Uuid& event_id) {
    std::vector<Uuid> ids{event_id};
    if (const auto found = companions_.extract(event_id)) {
        ids.insert(ids.end(), found.mapped().begin(), found.mapped().end());
    }
    return ids;
}

void ChangeOutbox::journaled(Uuid event_id) {
    const std::lock_guard lock(mutex_);
    // Once they are to be removed they stay known, until they are.
    for (const auto& id : take_with_companions(event_id)) journaled_.push_back(id);
}

void ChangeOutbox::abandon(Uuid event_id) {
    const std::lock_guard lock(mutex_);
    for (const auto& id : take_with_companions(event_id)) {
        under_way_.erase(id);
        given_up_.insert(id);
        given_up_in_order_.push_back(id);
        if (given_up_in_order_.size() <= kGivenUpMax) continue;
        given_up_.erase(given_up_in_order_.front());
        given_up_in_order_.pop_front();
    }
}

void ChangeOutbox::abandon_appended(Uuid event_id) {
    const std::lock_guard lock(mutex_);
    for (const auto& id : take_with_companions(event_id)) {
        under_way_.erase(id);
        maybe_journaled_.insert(id);
    }
}

bool ChangeOutbox::is_under_way(const Uuid& event_id) {
    const std::lock_guard lock(mutex_);
    return under_way_.contains(event_id);
}

ChangeOutbox::Told ChangeOutbox::note_appending(const Uuid& event_id) {
    const std::lock_guard lock(mutex_);
    const bool made_here = given_up_.erase(event_id) > 0;
    if (!maybe_journaled_.insert(event_id).second || !caught_up_) return Told::maybe;
    return made_here ? Told::no : Told::nobody_here_did;
}

void ChangeOutbox::remove(std::vector<Uuid> ids, JobOptions options) {
    static_cast<void>(wait_for<Done>([&](Completion<Done> done) {
        database_.write<Done>(
            options,
            [&ids](storage::WriteTransaction& tx) {
                storage::AuditOutbox::remove(tx, ids);
                return Done{};
            },
            std::move(done));
    }));
    const std::lock_guard lock(mutex_);
    for (const auto& id : ids) maybe_journaled_.erase(id);
}

void ChangeOutbox::remove_journaled() {
    while (true) {
        std::vector<Uuid> ids;
        {
            const std::lock_guard lock(mutex_);
            const auto count = std::min(journaled_.size(), kRemovedTogether);
            ids.assign(journaled_.end() - static_cast<std::ptrdiff_t>(count), journaled_.end());
        }
        if (ids.empty()) return;
        try {
            remove(ids, {Priority::write, soon()});
        } catch (const Error&) {
            return;  // kept for the next time; the database's own observer knows what is wrong
        }
        const std::lock_guard lock(mutex_);
        for (const auto& id : ids) under_way_.erase(id);
        std::erase_if(journaled_, [this](const Uuid& id) { return !under_way_.contains(id); });
    }
}

std::size_t ChangeOutbox::catch_up(std::chrono::milliseconds age, Deadline deadline) {
    Pending pending(*this, age, deadline);
    return audit::journal_pending_changes(journal_, pending);
}

void ChangeOutbox::look_at_others() {
    using Rows = std::vector<storage::OutboxRow>;
    const auto rows = wait_for<Rows>([&](Completion<Rows> done) {
        database_.read<Rows>(
            {Priority::write, soon()},
            [&](storage::ReadTransaction& tx) {
                return storage::AuditOutbox::left_by_others(tx, rows_.node(), kLeftByOther,
                                                            kLookedAtTogether);
            },
            std::move(done));
    });
    const auto readable = rows_.readable();
    std::unordered_set<Uuid> seen;
    std::vector<Uuid> forged;
    std::map<std::string, std::size_t> left;
    for (const auto& row : rows) {
        seen.insert(row.event_id);
        if (told_.contains(row.event_id)) continue;
        if (!row.due || (!rows_.is_genuine(row) && !may_be_under_another_key(row, readable))) {
            forged.push_back(row.event_id);
        } else {
            ++left[row.node];
        }
    }
    told_ = std::move(seen);
    if (!forged.empty()) events_.forged_of_others(forged);
    for (const auto& [node, count] : left) events_.left_by_other(node, count);
}

void ChangeOutbox::run(const std::stop_token& stop) {
    auto next_look = std::chrono::steady_clock::now();
    auto next_catch_up = std::chrono::steady_clock::now() + look_interval_;
    while (!stop.stop_requested()) {
        {
            std::unique_lock lock(mutex_);
            stirred_.wait_for(lock, stop, kRemoveInterval, [] { return false; });
        }
        remove_journaled();
        const auto now = std::chrono::steady_clock::now();
        try {
            if (now >= next_look) {
                next_look = now + look_interval_;
                look_at_others();
            }
            if (now >= next_catch_up) {
                next_catch_up = now + look_interval_;
                static_cast<void>(catch_up(kLeftBehind, soon()));
            }
        } catch (const Unavailable&) {
            // Said by whoever is away.
        } catch (const std::exception& error) {
            events_.failed(error.what());
        }
    }
}

}  // namespace coffer::secrets
