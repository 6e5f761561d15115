#include "daemon/certificates/list_keeper.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "daemon/audit/posix_file.hpp"
#include "daemon/secrets/labels.hpp"
#include "daemon/secrets/service_writes.hpp"
#include "storage/blocking.hpp"
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

/// A secret whose certificate was to be revoked is not as it was when that was decided.
class ChangedMeanwhile : public Error {
public:
    explicit ChangedMeanwhile(std::string secret)
        : Error("a secret was changed in the meantime"), secret_(std::move(secret)) {}
    [[nodiscard]] const std::string& secret() const noexcept { return secret_; }

private:
    std::string secret_;
};

JobOptions list_options() {
    return {Priority::rotation, std::chrono::steady_clock::now() + kListPatience};
}

/// Well before the list ends: whoever fetches it now and then shall always have a good one. One of the future
/// was made by a node whose clock was ahead, and is not good yet.
bool is_due(const std::optional<ListTimes>& times, Timestamp now) {
    if (!times || times->this_update > now + RevocationLists::kClocksApart) return true;
    const auto length = times->next_update.millis() - times->this_update.millis();
    return now.millis() >= times->this_update.millis() + length / 2;
}

bool is_needed(const storage::StoredSecret& secret, const storage::VersionId& id) {
    const auto* version = secrets::find_version(secret.versions, id);
    if (version == nullptr) return false;
    return secrets::has_label(*version, secrets::kCurrent) ||
           secrets::has_label(*version, secrets::kPrevious) ||
           secrets::has_label(*version, secrets::kPending);
}

/// Nothing when it is gone, another one has its name, or its row was altered (the repository reports that).
std::optional<storage::StoredSecret> secret_of(storage::ReadTransaction& tx,
                                               const IssuedCertificate& certificate) try {
    auto secret = storage::SecretRepository::find(tx, certificate.secret_name);
    if (!secret || secret->arn != certificate.secret_arn) return std::nullopt;
    return secret;
} catch (const IntegrityError&) {
    return std::nullopt;
}

void require_unchanged(storage::WriteTransaction& tx, const storage::StoredSecret& seen) try {
    const auto secret = storage::SecretRepository::lock(tx, seen.name, &seen);
    if (!secret || secret->id != seen.id || secret->revision != seen.revision) {
        throw ChangedMeanwhile(seen.name);
    }
} catch (const IntegrityError&) {
    throw ChangedMeanwhile(seen.name);
}

bool is_content_of(const std::filesystem::path& file, const Bytes& list) {
    std::ifstream in(file, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(in), {}) == list;
}

void write_list(const std::filesystem::path& file, const Bytes& list) {
    // A web server reads it, whatever the umask is.
    constexpr ::mode_t kReadable = 0644;
    try {
        audit::replace_file(file, as_text(list), kReadable);
    } catch (const audit::FileError& error) {
        throw Error(file.string() + " cannot be written: " + error.what());
    }
}

}  // namespace

ListKeeper::ListKeeper(KeeperParts parts, KeeperEvents events) : parts_(parts), events_(std::move(events)) {}

void ListKeeper::start() {
    if (parts_.lists.authorities().empty()) return;
    thread_.start("crl", [this, round = 0U](const std::stop_token&) mutable {
        run_once(round++ % kSweepEvery == 0 ? Look::at_everything : Look::at_lists);
        return kInterval;
    });
}

void ListKeeper::tell_failure(const std::string& authority, const std::string& reason) {
    const auto now = std::chrono::steady_clock::now();
    const auto last = failures_.find(authority);
    if (last != failures_.end() && last->second.reason == reason && now < last->second.told + kToldAgain)
        return;
    failures_[authority] = {reason, now};
    if (events_.failed) events_.failed(authority, reason);
}

void ListKeeper::run_once(Look look) {
    for (const auto& authority : parts_.lists.authorities()) {
        try {
            look_after(*authority, look);
            failures_.erase(authority->name());
        } catch (const std::exception& error) {
            tell_failure(authority->name(), error.what());
        }
    }
}

ListKeeper::Page ListKeeper::superseded_page(const Authority& authority, const std::string& after) const {
    return storage::read_and_wait(parts_.database, list_options(), [&](storage::ReadTransaction& tx) {
        Page page;
        const auto found = CertificateRepository::superseded(tx, authority.name(), parts_.clock.now(), after,
                                                             kSupersededAtOnce);
        if (found.size() == kSupersededAtOnce) page.last = found.back().serial;
        // The labels are under the secret's seal: a table that was altered revokes nothing.
        for (const auto& each : found) {
            auto secret = secret_of(tx, each);
            if (secret && !is_needed(*secret, each.version)) {
                page.candidates.push_back({each, std::move(*secret)});
            }
        }
        return page;
    });
}

std::vector<ListKeeper::Gone> ListKeeper::superseded(const Authority& authority) const {
    using Serials = std::optional<std::set<std::string>>;
    std::vector<Gone> gone;
    std::map<std::string, Serials> in_use;  // by the secret's name
    const auto serials_of = [&](const storage::StoredSecret& secret) -> Serials {
        try {
            return parts_.serials_in_use ? parts_.serials_in_use(secret) : std::set<std::string>();
        } catch (const Error&) {
            return std::nullopt;  // what cannot be read may be in use
        }
    };
    std::string after;
    do {
        auto page = superseded_page(authority, after);
        after = page.last;
        for (auto& each : page.candidates) {
            const auto& name = each.secret.name;
            if (!in_use.contains(name)) in_use.emplace(name, serials_of(each.secret));
            const auto& used = in_use.at(name);
            if (used && !used->contains(each.certificate.serial)) gone.push_back(std::move(each));
        }
    } while (!after.empty() && gone.size() < kSupersededAtOnce);
    // Locked in this order.
    std::ranges::sort(gone, {}, [](const Gone& each) { return each.secret.name; });
    return gone;
}

void ListKeeper::look_after(const Authority& authority, Look look) {
    const auto stored = storage::read_and_wait(
        parts_.database, list_options(),
        [&](storage::ReadTransaction& tx) { return CertificateRepository::list_of(tx, authority.name()); });
    // One that is not the authority's is reported when the next one is made.
    const bool good = stored && parts_.lists.adopt(authority, stored->list);
    auto gone = look == Look::at_everything ? superseded(authority) : std::vector<Gone>();
    if (!good || !gone.empty() || parts_.lists.is_ahead_of(authority.name(), stored) ||
        is_due(parts_.lists.times(authority.name()), parts_.clock.now())) {
        sign_next(authority, std::move(gone));
    }
    write_file(authority);
}

void ListKeeper::sign_next(const Authority& authority, std::vector<Gone> gone) {
    while (true) {
        try {
            return sign_once(authority, gone);
        } catch (const DoneByOther&) {
            return;
        } catch (const ChangedMeanwhile& changed) {
            // Looked at again in the next round.
            std::erase_if(gone, [&](const Gone& each) { return each.secret.name == changed.secret(); });
        }
    }
}

void ListKeeper::sign_once(const Authority& authority, const std::vector<Gone>& gone) {
    const auto now = parts_.clock.now();
    const auto reason = RevocationReason::superseded;
    std::vector<Revocation> revocations;
    boost::json::array serials;
    secrets::ServiceAction action{"RevocationListSigned", "certificate authority", {}, {}};
    for (const auto& [certificate, secret] : gone) {
        revocations.push_back({from_hex(certificate.serial), now, reason});
        serials.emplace_back(certificate.serial);
        action.resources.push_back(certificate.secret_arn);
    }
    action.details["Authority"] = authority.name();
    if (!gone.empty()) action.details["Superseded"] = std::move(serials);
    RevocationLists::Next next;
    secrets::ServiceWrites(parts_.database, parts_.trail)
        .run(
            [&](storage::WriteTransaction& tx) {
                const auto stored = CertificateRepository::lock_list(tx, authority.name());
                if (stored && gone.empty() && parts_.lists.adopt(authority, stored->list) &&
                    !parts_.lists.is_ahead_of(authority.name(), stored) &&
                    !is_due(parts_.lists.times(authority.name()), now)) {
                    throw DoneByOther();
                }
                for (const auto& [certificate, secret] : gone) {
                    require_unchanged(tx, secret);
                    CertificateRepository::mark_revoked(tx, certificate.authority, certificate.serial, now,
                                                        std::string(name_of(reason)));
                }
                next = parts_.lists.make_next(tx, authority, revocations, now);
                CertificateRepository::forget(tx, now - kRemembered, now - kRevokedRemembered);
            },
            std::move(action), list_options());
    parts_.lists.adopt_made(authority, next.list);
    if (events_.signed_list) events_.signed_list(authority.name(), next.entries);
    for (const auto& each : gone) {
        if (events_.superseded) events_.superseded(each.certificate.secret_name, each.certificate.serial);
    }
}

void ListKeeper::write_file(const Authority& authority) {
    const auto& file = authority.settings().crl_file;
    const auto list = parts_.lists.newest(authority.name());
    if (file.empty() || !list) return;
    auto written = *list;
    if (!is_content_of(file, written)) {
        // Somebody may have put one there that has more.
        if (const auto there = read_list_file(authority)) {
            parts_.lists.adopt_made(authority, der_of(there.get()));
            written = parts_.lists.newest(authority.name()).value_or(written);
        }
        write_list(file, written);
    }
    const std::lock_guard lock(mutex_);
    files_.insert_or_assign(authority.name(), times_of(parse_crl(written).get()).this_update);
}

std::optional<Timestamp> ListKeeper::file_update(const std::string& authority) const {
    const std::lock_guard lock(mutex_);
    const auto found = files_.find(authority);
    if (found == files_.end()) return std::nullopt;
    return found->second;
}

}  // namespace coffer::certificates
