#include "daemon/certificates/revocation_lists.hpp"

#include <fstream>
#include <iterator>
#include <utility>

namespace coffer::certificates {

using storage::CertificateRepository;

namespace {

constexpr std::streamsize kListFileMost = 64L * 1024 * 1024;

std::optional<Bytes> read_list_file(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    if (!in || in.tellg() <= 0 || in.tellg() > kListFileMost) return std::nullopt;
    in.seekg(0);
    return Bytes(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

RevocationLists::RevocationLists(Authorities authorities) : authorities_(std::move(authorities)) {
    for (const auto& authority : authorities_) {
        if (authority->settings().crl_file.empty()) continue;
        if (const auto list = read_list_file(authority->settings().crl_file)) {
            static_cast<void>(adopt(*authority, *list));
        }
    }
}

bool RevocationLists::adopt(const Authority& authority, const Bytes& list) {
    Bytes number;
    try {
        const auto parsed = parse_crl(list);
        require_list_of(parsed.get(), authority.certificate());
        number = number_of(parsed.get());
    } catch (const CertificateError&) {
        return false;
    }
    const std::lock_guard lock(mutex_);
    auto& held = held_[authority.name()];
    if (held.list.empty() || is_higher(number, held.number)) held = {list, std::move(number)};
    return true;
}

std::optional<Bytes> RevocationLists::newest(std::string_view authority) const {
    const std::lock_guard lock(mutex_);
    const auto found = held_.find(authority);
    if (found == held_.end() || found->second.list.empty()) return std::nullopt;
    return found->second.list;
}

RevocationLists::Next RevocationLists::make_next(storage::WriteTransaction& tx, const Authority& authority,
                                                 const std::vector<Revocation>& added, Timestamp now) const {
    const auto& name = authority.name();
    const auto stored = CertificateRepository::lock_list(tx, name);
    CrlPtr previous;
    if (const auto mine = newest(name)) previous = parse_crl(*mine);
    if (stored) {
        try {
            auto theirs = parse_crl(stored->list);
            require_list_of(theirs.get(), authority.certificate());
            if (!previous || is_higher(number_of(theirs.get()), number_of(previous.get()))) {
                previous = std::move(theirs);
            }
        } catch (const CertificateError&) {
            const auto what = "the stored revocation list of the certificate authority \"" + name +
                              "\" is not one that its key signed";
            // What this node has seen before is as good.
            if (!previous) {
                throw IntegrityError(what +
                                     ". If the authority has a new key, give it a new name as well; "
                                     "otherwise put the last good list where crl_file is, and start "
                                     "this node again");
            }
            tx.report_integrity_failure(what);
        }
    }
    auto all = added;
    std::map<Bytes, Timestamp> ends;
    const auto last = previous ? times_of(previous.get()).this_update : now;
    for (const auto& row : CertificateRepository::revoked(tx, name)) {
        const auto serial = from_hex(row.serial);
        ends.emplace(serial, row.not_after);
        // Ended before the last list: it has been in one after its end.
        if (row.not_after < last) continue;
        all.push_back(
            {serial, row.revoked.value_or(now),
             revocation_reason_of(row.reason.value_or("")).value_or(RevocationReason::unspecified)});
    }
    const EndOf end_of = [&ends](const Bytes& serial) -> std::optional<Timestamp> {
        const auto found = ends.find(serial);
        if (found == ends.end()) return std::nullopt;
        return found->second;
    };
    const auto list = authority.next_list(previous.get(), all, now, end_of);
    Next next{der_of(list.get()), times_of(list.get()), to_hex(number_of(list.get())),
              revocations_of(list.get()).size()};
    CertificateRepository::store_list(tx, name, {next.list, next.times.next_update});
    return next;
}

}  // namespace coffer::certificates
