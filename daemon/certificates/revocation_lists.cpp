#include "daemon/certificates/revocation_lists.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

namespace coffer::certificates {

using storage::CertificateRepository;
using storage::StoredRevocationList;

namespace {

constexpr std::streamoff kListFileMost = 64L * 1024 * 1024;

Bytes content_of(const std::filesystem::path& file) {
    std::error_code failed;
    if (!std::filesystem::exists(file, failed) && !failed) return {};
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    if (!in || in.tellg() < 0) throw Error("it cannot be read");
    if (in.tellg() > kListFileMost) throw Error("it is larger than 64 MiB");
    in.seekg(0);
    return Bytes(std::istreambuf_iterator<char>(in), {});
}

/// Null when it is not the authority's.
CrlPtr own_list(const Authority& authority, const Bytes& list) try {
    auto parsed = parse_crl(list);
    require_list_of(parsed.get(), authority.certificate());
    return parsed;
} catch (const CertificateError&) {
    return nullptr;
}

/// The list in the database, where there is one. Null and reported when it is not the authority's, as long as
/// this node has another one: what it has seen before is as good.
CrlPtr stored_list(storage::WriteTransaction& tx, const Authority& authority,
                   const std::optional<StoredRevocationList>& stored, bool have_another) {
    if (!stored) return nullptr;
    if (auto theirs = own_list(authority, stored->list)) return theirs;
    const auto what = "the stored revocation list of the certificate authority \"" + authority.name() +
                      "\" is not one that its key signed";
    if (!have_another) {
        throw IntegrityError(what +
                             ". If the authority has a new key, give it a new name as well; otherwise put "
                             "the last good list where crl_file is, and start this node again");
    }
    tx.report_integrity_failure(what);
    return nullptr;
}

Revocation revocation_of(const storage::IssuedCertificate& row, Timestamp now) {
    return {from_hex(row.serial), row.revoked.value_or(now),
            revocation_reason_of(row.reason.value_or("")).value_or(RevocationReason::unspecified)};
}

}  // namespace

CrlPtr read_list_file(const Authority& authority) {
    const auto& file = authority.settings().crl_file;
    try {
        const auto content = content_of(file);
        if (content.empty()) return nullptr;
        auto list = parse_crl_file(content);
        require_list_of(list.get(), authority.certificate());
        return list;
    } catch (const Error& error) {
        throw Error(
            "[[certificate_authority]] \"" + authority.name() + "\": crl_file " + file.string() +
            " is there, and is not overwritten, since it is not a revocation list of the authority: " +
            error.what() + ". Move it away, or name another file");
    }
}

RevocationLists::RevocationLists(Authorities authorities, std::chrono::milliseconds clocks_apart)
    : authorities_(std::move(authorities)), clocks_apart_(clocks_apart) {
    for (const auto& authority : authorities_) {
        if (authority->settings().crl_file.empty()) continue;
        if (const auto list = read_list_file(*authority)) adopt_made(*authority, der_of(list.get()));
    }
}

bool RevocationLists::adopt(const Authority& authority, const Bytes& list) {
    // Mostly it is the one that is held, which was verified when it came.
    if (newest(authority.name()) == list) return true;
    const auto parsed = own_list(authority, list);
    if (!parsed) return false;
    Held other{list, number_of(parsed.get()), times_of(parsed.get())};
    for (auto& each : revocations_of(parsed.get())) other.entries.emplace(each.serial, each);
    const std::lock_guard lock(mutex_);
    auto& held = held_[authority.name()];
    if (held.list == list) return true;
    auto known = std::move(held.owed);
    if (held.list.empty() || is_higher(other.number, held.number)) std::swap(held, other);
    known.merge(std::move(other.entries));
    // Where two nodes made lists from the same one, or the database was put back, each may have what the
    // other lacks. What was left out because its time was over is not missed.
    std::erase_if(known, [&](const auto& entry) {
        return held.entries.contains(entry.first) ||
               is_over(entry.second, authority.longest_life(), held.times.this_update);
    });
    held.owed = std::move(known);
    return true;
}

void RevocationLists::adopt_made(const Authority& authority, const Bytes& list) {
    if (adopt(authority, list)) return;
    throw CertificateError("the revocation list of the certificate authority \"" + authority.name() +
                           "\" is not one that its key signed");
}

RevocationLists::Held RevocationLists::held_of(std::string_view authority) const {
    const std::lock_guard lock(mutex_);
    const auto found = held_.find(authority);
    return found == held_.end() ? Held{} : found->second;
}

std::optional<Bytes> RevocationLists::newest(std::string_view authority) const {
    const std::lock_guard lock(mutex_);
    const auto found = held_.find(authority);
    if (found == held_.end() || found->second.list.empty()) return std::nullopt;
    return found->second.list;
}

std::optional<ListTimes> RevocationLists::times(std::string_view authority) const {
    const std::lock_guard lock(mutex_);
    const auto found = held_.find(authority);
    if (found == held_.end() || found->second.list.empty()) return std::nullopt;
    return found->second.times;
}

bool RevocationLists::is_revoked(std::string_view authority, const Bytes& serial) const {
    const std::lock_guard lock(mutex_);
    const auto found = held_.find(authority);
    return found != held_.end() &&
           (found->second.entries.contains(serial) || found->second.owed.contains(serial));
}

bool RevocationLists::is_ahead_of(std::string_view authority,
                                  const std::optional<StoredRevocationList>& stored) const {
    const std::lock_guard lock(mutex_);
    const auto found = held_.find(authority);
    if (found == held_.end() || found->second.list.empty()) return false;
    return !found->second.owed.empty() || !stored || stored->list != found->second.list;
}

void RevocationLists::require_same_time(storage::WriteTransaction& tx, Timestamp now) const {
    const auto there = CertificateRepository::clock(tx);
    const std::chrono::milliseconds apart(std::abs(now.millis() - there.millis()));
    if (apart <= clocks_apart_) return;
    throw Error("the clocks of this node (" + rfc3339(now) + ") and of the database (" + rfc3339(there) +
                ") are too far apart for a revocation list to be signed: set them right");
}

RevocationLists::Next RevocationLists::make_next(storage::WriteTransaction& tx, const Authority& authority,
                                                 const std::vector<Revocation>& added, Timestamp now) const {
    const auto& name = authority.name();
    const auto stored = CertificateRepository::lock_list(tx, name);
    require_same_time(tx, now);
    const auto held = held_of(name);
    CrlPtr previous;
    if (!held.list.empty()) previous = parse_crl(held.list);
    auto other = stored_list(tx, authority, stored, previous != nullptr);
    if (other && (!previous || is_higher(number_of(other.get()), number_of(previous.get())))) {
        std::swap(previous, other);
    }
    const auto last = previous ? std::min(times_of(previous.get()).this_update, now) : now;
    const auto rows = CertificateRepository::revoked(tx, name);
    std::map<Bytes, Timestamp> ends;
    for (const auto& row : rows) {
        const auto [there, fresh] = ends.emplace(from_hex(row.serial), row.not_after);
        if (!fresh) there->second = std::max(there->second, row.not_after);
    }
    const EndOf end_of = [&ends](const Bytes& serial) -> std::optional<Timestamp> {
        const auto found = ends.find(serial);
        if (found == ends.end()) return std::nullopt;
        return found->second;
    };
    const Retention retention{end_of, authority.longest_life()};
    // The first one of a serial number counts: what was signed before what was not.
    std::vector<Revocation> all;
    const auto add = [&](const Revocation& entry) {
        if (!may_go(entry, retention, last)) all.push_back(entry);
    };
    if (other) std::ranges::for_each(revocations_of(other.get()), add);
    for (const auto& [serial, entry] : held.owed) add(entry);
    all.insert(all.end(), added.begin(), added.end());
    for (const auto& row : rows) add(revocation_of(row, now));
    const auto list = authority.next_list(previous.get(), all, now, end_of);
    Next next{der_of(list.get()), times_of(list.get()), to_hex(number_of(list.get())),
              revocations_of(list.get()).size()};
    CertificateRepository::store_list(tx, name, {next.list, next.times.next_update});
    return next;
}

}  // namespace coffer::certificates
