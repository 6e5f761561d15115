#include "daemon/certificates/list_keeper.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "daemon/base/fd.hpp"
#include "daemon/base/thread_name.hpp"
#include "daemon/secrets/labels.hpp"
#include "daemon/secrets/service_writes.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::certificates {

using storage::CertificateRepository;
using storage::IssuedCertificate;

namespace {

constexpr std::chrono::seconds kListPatience{30};
constexpr std::size_t kSupersededAtOnce = 500;

/// Another node made the list in the meantime.
class DoneByOther : public Error {
public:
    DoneByOther() : Error("another node made the revocation list") {}
};

JobOptions list_options() {
    return {Priority::rotation, std::chrono::steady_clock::now() + kListPatience};
}

/// Well before the list ends: whoever fetches it now and then shall always have a good one.
bool is_due(const std::optional<ListTimes>& times, Timestamp now) {
    if (!times) return true;
    const auto length = times->next_update.millis() - times->this_update.millis();
    return now.millis() >= times->this_update.millis() + length / 2;
}

std::optional<ListTimes> times_of_newest(const RevocationLists& lists, const Authority& authority) {
    const auto list = lists.newest(authority.name());
    if (!list) return std::nullopt;
    return times_of(parse_crl(*list).get());
}

bool is_needed(storage::ReadTransaction& tx, const IssuedCertificate& certificate) {
    const auto secret = storage::SecretRepository::find(tx, certificate.secret_name);
    if (!secret || secret->arn != certificate.secret_arn) return false;
    const auto* version = secrets::find_version(secret->versions, certificate.version);
    if (version == nullptr) return false;
    return secrets::has_label(*version, secrets::kCurrent) ||
           secrets::has_label(*version, secrets::kPrevious) ||
           secrets::has_label(*version, secrets::kPending);
}

/// Replaces the file in one step, so that whoever reads it reads a whole list.
void replace_file(const std::filesystem::path& file, const Bytes& content) {
    const auto fail = [&](const char* what) {
        throw Error(file.string() + " cannot be " + what + ": " + std::generic_category().message(errno));
    };
    auto beside = file;
    beside += ".new";
    {
        constexpr ::mode_t kReadable = 0644;
        const Fd out(
            ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kReadable));
        if (!out) fail("written");
        std::size_t done = 0;
        while (done < content.size()) {
            const auto size = ::write(out.get(), content.data() + done, content.size() - done);
            if (size < 0 && errno == EINTR) continue;
            if (size < 0) fail("written");
            done += static_cast<std::size_t>(size);
        }
        if (::fsync(out.get()) != 0) fail("written");
    }
    if (::rename(beside.c_str(), file.c_str()) != 0) fail("replaced");
}

}  // namespace

ListKeeper::ListKeeper(KeeperParts parts, KeeperEvents events) : parts_(parts), events_(std::move(events)) {}

ListKeeper::~ListKeeper() {
    stop();
}

void ListKeeper::start() {
    if (parts_.lists.authorities().empty()) return;
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
    name_thread(thread_, "crl");
}

void ListKeeper::stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
}

void ListKeeper::wake() noexcept {
    {
        const std::lock_guard lock(mutex_);
        woken_ = true;
    }
    wake_.notify_all();
}

void ListKeeper::run(const std::stop_token& stop) {
    for (unsigned round = 0; !stop.stop_requested(); ++round) {
        run_once(round % kSweepEvery == 0 ? Look::at_everything : Look::at_lists);
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, stop, kInterval, [this] { return woken_; });
        woken_ = false;
    }
}

void ListKeeper::run_once(Look look) {
    for (const auto& authority : parts_.lists.authorities()) {
        try {
            look_after(*authority, look);
            failures_.erase(authority->name());
        } catch (const std::exception& error) {
            // Told once: the same again is no news.
            auto& last = failures_[authority->name()];
            if (last != error.what() && events_.failed) events_.failed(authority->name(), error.what());
            last = error.what();
        }
    }
}

std::vector<IssuedCertificate> ListKeeper::superseded(const Authority& authority) const {
    using Found = std::vector<IssuedCertificate>;
    return wait_for<Found>([&](Completion<Found> done) {
        parts_.database.read<Found>(
            list_options(),
            [name = authority.name(), now = parts_.clock.now()](storage::ReadTransaction& tx) {
                auto found = CertificateRepository::superseded(tx, name, now, "", kSupersededAtOnce);
                // The labels are under the secret's seal: a table that was altered revokes nothing.
                std::erase_if(found, [&tx](const IssuedCertificate& each) {
                    try {
                        return is_needed(tx, each);
                    } catch (const IntegrityError&) {
                        return true;  // reported by the repository
                    }
                });
                return found;
            },
            std::move(done));
    });
}

void ListKeeper::look_after(const Authority& authority, Look look) {
    using Stored = std::optional<storage::StoredRevocationList>;
    const auto stored = wait_for<Stored>([&](Completion<Stored> done) {
        parts_.database.read<Stored>(
            list_options(),
            [name = authority.name()](storage::ReadTransaction& tx) {
                return CertificateRepository::list_of(tx, name);
            },
            std::move(done));
    });
    if (stored) static_cast<void>(parts_.lists.adopt(authority, stored->list));
    const auto gone = look == Look::at_everything ? superseded(authority) : std::vector<IssuedCertificate>();
    if (!stored || !gone.empty() || is_due(times_of_newest(parts_.lists, authority), parts_.clock.now())) {
        sign_next(authority, gone);
    }
    write_file(authority);
}

void ListKeeper::sign_next(const Authority& authority, const std::vector<IssuedCertificate>& gone) {
    const auto now = parts_.clock.now();
    const auto reason = RevocationReason::superseded;
    std::vector<Revocation> revocations;
    boost::json::array serials;
    secrets::ServiceAction action{"RevocationListSigned", "certificate authority", {}, {}};
    for (const auto& each : gone) {
        revocations.push_back({from_hex(each.serial), now, reason});
        serials.emplace_back(each.serial);
        action.resources.push_back(each.secret_arn);
    }
    action.details["Authority"] = authority.name();
    if (!gone.empty()) action.details["Superseded"] = std::move(serials);
    RevocationLists::Next next;
    try {
        secrets::ServiceWrites(parts_.database, parts_.trail)
            .run(
                [&](storage::WriteTransaction& tx) {
                    const auto stored = CertificateRepository::lock_list(tx, authority.name());
                    if (stored && gone.empty()) {
                        static_cast<void>(parts_.lists.adopt(authority, stored->list));
                        if (!is_due(times_of_newest(parts_.lists, authority), now)) throw DoneByOther();
                    }
                    for (const auto& each : gone) {
                        CertificateRepository::mark_revoked(tx, each.authority, each.serial, now,
                                                            std::string(name_of(reason)));
                    }
                    next = parts_.lists.make_next(tx, authority, revocations, now);
                    CertificateRepository::forget(tx, now - kRemembered);
                },
                std::move(action), list_options());
    } catch (const DoneByOther&) {
        return;
    }
    static_cast<void>(parts_.lists.adopt(authority, next.list));
    if (events_.signed_list) events_.signed_list(authority.name(), next.entries);
    for (const auto& each : gone) {
        if (events_.superseded) events_.superseded(each.secret_name, each.serial);
    }
}

void ListKeeper::write_file(const Authority& authority) const {
    const auto& file = authority.settings().crl_file;
    const auto list = parts_.lists.newest(authority.name());
    if (file.empty() || !list) return;
    {
        std::ifstream in(file, std::ios::binary);
        const Bytes there(std::istreambuf_iterator<char>(in), {});
        if (there == *list) return;
    }
    replace_file(file, *list);
}

}  // namespace coffer::certificates
