#include "daemon/iam/directory_keeper.hpp"

#include <fmt/format.h>

#include "daemon/base/thread_name.hpp"
#include "daemon/iam/principal_index.hpp"

namespace coffer::iam {

namespace {

using SteadyClock = std::chrono::steady_clock;

/// How long one load may take.
constexpr std::chrono::seconds kLoadPatience{10};

/// Those of a directory, which it keeps.
class DirectoryNames final : public access::PrincipalNames {
public:
    explicit DirectoryNames(DirectoryPtr directory)
        : directory_(std::move(directory)), index_(directory_->records(), directory_->account()) {}
    [[nodiscard]] std::optional<std::string> id_of(std::string_view arn) const override {
        return index_.id_of(arn);
    }
    [[nodiscard]] std::optional<std::string> arn_of(std::string_view id) const override {
        // The directory has them by their ids already.
        return index_.arn_of(directory_->principal_with_id(id));
    }

private:
    DirectoryPtr directory_;
    PrincipalIndex index_;
};

}  // namespace

DirectoryKeeper::DirectoryKeeper(storage::Database& database, std::string account, const Clock& clock,
                                 KeeperEvents events, std::optional<SeenManifestFile> seen_file,
                                 Deadline deadline)
    : database_(database),
      account_(std::move(account)),
      clock_(clock),
      events_(std::move(events)),
      seen_file_(std::move(seen_file)) {
    load(deadline);
    thread_ = std::thread([this] { run(); });
    name_thread(thread_, "iam");
    listener_.emplace(database_.config(), storage::kIamChannel,
                      storage::ChangeEvents{.listening =
                                                [this] {
                                                    const std::lock_guard lock(wake_mutex_);
                                                    blind_ = false;
                                                    reload_ = true;
                                                    woken_.notify_all();
                                                },
                                            .lost =
                                                [this] {
                                                    const std::lock_guard lock(wake_mutex_);
                                                    blind_ = true;
                                                    woken_.notify_all();
                                                },
                                            .changed = [this](const std::string&) { wake(); }});
}

DirectoryKeeper::~DirectoryKeeper() {
    close();
}

void DirectoryKeeper::close() {
    listener_.reset();
    {
        const std::lock_guard lock(wake_mutex_);
        stopping_ = true;
    }
    woken_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void DirectoryKeeper::wake() {
    {
        const std::lock_guard lock(wake_mutex_);
        reload_ = true;
    }
    woken_.notify_all();
}

void DirectoryKeeper::run() {
    std::unique_lock lock(wake_mutex_);
    while (!stopping_) {
        const bool soon = blind_ || !seen_read_ || load_pending();
        woken_.wait_for(lock, soon ? kBlindInterval : kRereadInterval,
                        [this] { return stopping_ || reload_; });
        if (stopping_) return;
        reload_ = false;
        lock.unlock();
        load_or_tell();
        lock.lock();
    }
}

/// What is there stays in force when nothing can be read. That may be rights that were taken away since: a
/// database or a token that is away for a moment, as a change is told, must not make it wait for the next
/// reread.
void DirectoryKeeper::load_or_tell() {
    std::optional<std::string> failure;
    try {
        load(SteadyClock::now() + kLoadPatience);
    } catch (const std::exception& error) {
        failure = error.what();
    }
    const bool was_pending = load_pending_.exchange(failure.has_value(), std::memory_order_acq_rel);
    if (failure && !was_pending && events_.not_read) events_.not_read(*failure);
    if (!failure && was_pending && events_.read_again) events_.read_again();
}

std::optional<SeenManifest> DirectoryKeeper::seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
}

/// Until it succeeds: somebody may put the file right while the node runs. Throws SeenManifestDamaged.
void DirectoryKeeper::read_seen() {
    if (seen_read_) return;
    if (seen_file_) kept_ = seen_file_->load();
    seen_read_ = true;
    const std::lock_guard lock(mutex_);
    seen_ = kept_;
}

void DirectoryKeeper::keep_seen() {
    if (!seen_file_) return;
    const auto newest = seen();
    if (!newest || newest == kept_) return;
    std::string reason;
    try {
        seen_file_->save(*newest);
        kept_ = newest;
    } catch (const Error& error) {
        reason = error.what();
    }
    if (!reason.empty() && reason != not_kept_ && events_.seen_not_kept) events_.seen_not_kept(reason);
    not_kept_ = std::move(reason);
}

void DirectoryKeeper::load(Deadline deadline) {
    const auto before = directory();
    try {
        read_seen();
        // As it was before the tables are read: another change of this node may be committed meanwhile.
        const auto newest = seen();
        auto stored = wait_for<storage::StoredIam>([&](Completion<storage::StoredIam> done) {
            database_.read<storage::StoredIam>(
                {Priority::read, deadline},
                [before, newest](storage::ReadTransaction& tx) {
                    auto loaded = storage::IamRepository::load(tx, before ? &before->stored() : nullptr);
                    if (newest) require_not_older(loaded, *newest);
                    return loaded;
                },
                std::move(done));
        });
        publish(Directory::build(std::move(stored), account_, before.get()));
        keep_seen();
    } catch (const IntegrityError& error) {
        distrusted(error.what());
    } catch (const SeenManifestDamaged& error) {
        distrusted(error.what());
    }
}

void DirectoryKeeper::distrusted(const std::string& reason) {
    {
        const std::lock_guard lock(mutex_);
        if (!directory_) {
            directory_ = Directory::distrusted(account_,
                                               "the list of users, groups, roles and policies in the "
                                               "database cannot be believed; the daemon's log "
                                               "says why");
            ++generation_;
        }
        if (distrust_ == reason) return;
        distrust_ = reason;
    }
    if (events_.distrusted) events_.distrusted(reason);
}

void DirectoryKeeper::publish(DirectoryPtr fresh) {
    bool was_distrusted = false;
    {
        const std::lock_guard lock(mutex_);
        // A load that began before another change was committed has nothing new to say.
        if (directory_ && fresh->stored().revision < directory_->stored().revision) return;
        if (fresh->stored().revision > 0) seen_ = {fresh->stored().revision, fresh->stored().seal};
        ever_believed_ = true;
        was_distrusted = distrust_.has_value();
        distrust_.reset();
        const bool same = directory_ && directory_->stored().seal == fresh->stored().seal &&
                          directory_->stored().faults == fresh->stored().faults && generation_ > 0 &&
                          !was_distrusted;
        directory_ = fresh;
        has_listeners_.store(fresh->has_listeners(), std::memory_order_release);
        if (same) return;
        ++generation_;
    }
    if (was_distrusted && events_.trusted) events_.trusted();
    if (events_.changed) events_.changed(*fresh);
}

DirectoryPtr DirectoryKeeper::directory() const {
    const std::lock_guard lock(mutex_);
    return directory_;
}

std::optional<std::string> DirectoryKeeper::distrust() const {
    const std::lock_guard lock(mutex_);
    return distrust_;
}

std::optional<std::string> DirectoryKeeper::nobody_known() const {
    const std::lock_guard lock(mutex_);
    return ever_believed_ ? std::nullopt : distrust_;
}

void DirectoryKeeper::recognise(const access::CertificateIdentity& identity,
                                access::Recognition& known) const {
    const auto generation = generation_.load(std::memory_order_acquire);
    if (known.generation == generation && (!known.expires || clock_.now() < *known.expires)) return;
    known = directory()->recognise(identity, clock_.now());
    known.generation = generation;
}

access::ListenerStanding DirectoryKeeper::stored_listener(const std::string& name) const {
    if (!has_listeners_.load(std::memory_order_acquire)) return {};
    return directory()->stored_listener(name);
}

std::unique_ptr<const access::PrincipalNames> DirectoryKeeper::names() const {
    return std::make_unique<const DirectoryNames>(directory());
}

std::unique_ptr<const access::PrincipalNames> DirectoryKeeper::names(storage::ReadTransaction& tx) const {
    const auto known = directory();
    const auto newest = seen();
    try {
        auto stored = storage::IamRepository::load(tx, &known->stored());
        if (newest) require_not_older(stored, *newest);
        if (stored.seal != known->stored().seal || stored.faults != known->stored().faults) {
            return std::make_unique<const DirectoryNames>(
                Directory::build(std::move(stored), account_, known.get()));
        }
    } catch (const IntegrityError& error) {
        tx.report_integrity_failure(error.what());
    }
    return std::make_unique<const DirectoryNames>(known);
}

DirectoryPtr DirectoryKeeper::lock(storage::WriteTransaction& tx) const {
    const auto known = directory();
    const auto newest = seen();
    auto stored = storage::IamRepository::lock(tx, &known->stored());
    if (newest) require_not_older(stored, *newest);
    if (stored.seal == known->stored().seal && stored.faults == known->stored().faults) return known;
    return Directory::build(std::move(stored), account_, known.get());
}

}  // namespace coffer::iam
