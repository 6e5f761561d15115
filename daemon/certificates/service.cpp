#include "daemon/certificates/service.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "daemon/certificates/distinguished_name.hpp"
#include "daemon/secrets/call_transactions.hpp"
#include "daemon/secrets/errors.hpp"
#include "daemon/secrets/named_secret.hpp"
#include "daemon/secrets/rotation_schedule.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::certificates {

using access::Action;
using boost::asio::awaitable;
using secrets::Call;
using storage::CertificateRepository;
using storage::IssuedCertificate;
using storage::StoredSecret;

namespace {

constexpr std::size_t kCertificatesPage = 100;
/// Of one secret, read at once.
constexpr std::size_t kRowsAtOnce = 1'000;
/// RFC 5280, section 4.1.2.2.
constexpr std::size_t kSerialDigitsMost = 2 * kSerialBytes;
/// A secret whose certificate was revoked is renewed after that: when every node has the new list.
constexpr std::chrono::seconds kUntilAllNodesKnow{15};

v1::IssuedCertificate message_of(const IssuedCertificate& row) {
    v1::IssuedCertificate message;
    if (!row.authority.empty()) message.set_authority(row.authority);
    message.set_serial_number(row.serial);
    // One that is not on record has nothing else.
    if (!row.secret_arn.empty()) {
        message.set_arn(row.secret_arn);
        message.set_name(row.secret_name);
        message.set_version_id(row.version.value());
        message.set_function(row.function);
        message.set_names(row.names);
        message.set_issued_date(row.issued.seconds());
        message.set_not_before(row.not_before.seconds());
        message.set_not_after(row.not_after.seconds());
    }
    if (row.revoked) message.set_revoked_date(row.revoked->seconds());
    if (row.reason) message.set_reason(*row.reason);
    return message;
}

/// As the table has serial numbers: "00:AB:1" is "0ab1", an even number of digits without leading zeros.
std::string plain_serial(const std::string& text) {
    std::string digits;
    for (const char c : text) {
        if (c == ':') continue;
        const bool large = c >= 'A' && c <= 'F';
        if (!large && !(c >= 'a' && c <= 'f') && !(c >= '0' && c <= '9')) {
            throw secrets::invalid_parameter(
                "SerialNumber must be hexadecimal, as 'coffer certificate list' has it.");
        }
        if (digits.empty() && c == '0') continue;
        digits += large ? static_cast<char>(c + 32) : c;
    }
    return digits.size() % 2 == 0 ? digits : "0" + digits;
}

/// "AUTHORITY/SERIAL", or a serial number alone.
struct NamedSerial {
    std::optional<std::string> authority;
    std::string serial;
};

NamedSerial named_serial(const std::string& text) {
    const auto slash = text.find('/');
    if (slash == std::string::npos) return {std::nullopt, plain_serial(text)};
    NamedSerial named{text.substr(0, slash), plain_serial(text.substr(slash + 1))};
    if (named.serial.empty() || named.serial.size() > kSerialDigitsMost) {
        throw secrets::invalid_parameter(
            "SerialNumber must have 1 to 20 bytes, and not be 0, behind the authority's name.");
    }
    return named;
}

/// What the signed list says of it.
void take_revocation(IssuedCertificate& row, const std::vector<Revocation>& revocations) {
    const auto found = std::ranges::find(revocations, from_hex(row.serial), &Revocation::serial);
    row.revoked.reset();
    row.reason.reset();
    if (found == revocations.end()) return;
    row.revoked = found->when;
    row.reason = std::string(name_of(found->reason));
}

/// Has the rotation of the secret, if any, look at it at `when`: it is renewed when what it has is revoked.
void look_again(storage::WriteTransaction& tx, const std::string& name, const std::string& arn,
                Timestamp when) try {
    auto secret = storage::SecretRepository::lock(tx, name);
    if (!secret || secret->arn != arn || !secret->rotation) return;
    auto& rotation = *secret->rotation;
    if (!rotation.enabled || rotation.making || !rotation.renew_by || *rotation.renew_by <= when) return;
    rotation.renew_by = when;
    const secrets::NewSchedule schedule{secret->id, secrets::due_of(*secret)};
    storage::SecretRepository::update(tx, std::move(*secret), {});
    secrets::store_schedule(tx, schedule);
} catch (const IntegrityError&) {
    // The repository has reported it, and it keeps nobody from revoking.
}

/// A place in a listing, for a NextToken: end, authority, serial number, issuer.
Bytes place_of(const IssuedCertificate& row) {
    const auto text =
        std::to_string(row.not_after.millis()) + " " + row.authority + " " + row.serial + " " + row.issuer;
    return {text.begin(), text.end()};
}

CertificateRepository::Position place_from(const Bytes& bytes) {
    const std::string text(bytes.begin(), bytes.end());
    const auto first = text.find(' ');
    const auto second = text.find(' ', first + 1);
    const auto third = text.find(' ', second + 1);
    if (first == std::string::npos || second == std::string::npos || third == std::string::npos) {
        throw secrets::invalid_next_token();
    }
    return {Timestamp::from_millis(std::stoll(text.substr(0, first))),
            text.substr(first + 1, second - first - 1), text.substr(second + 1, third - second - 1),
            text.substr(third + 1)};
}

}  // namespace

bool CertificateService::has(v1::Request::OperationCase operation) const noexcept {
    switch (operation) {
        case v1::Request::kListCertificateAuthorities:
        case v1::Request::kListCertificates:
        case v1::Request::kRevokeCertificate:
        case v1::Request::kGetCertificateRevocationList:
            return true;
        default:
            return false;
    }
}

awaitable<void> CertificateService::perform(Call call, std::shared_ptr<const v1::Request> request,
                                            v1::Response& response) {
    switch (request->operation_case()) {
        case v1::Request::kListCertificateAuthorities:
            *response.mutable_list_certificate_authorities() = list_authorities(*call);
            co_return;
        case v1::Request::kGetCertificateRevocationList:
            *response.mutable_get_certificate_revocation_list() =
                get_list(*call, request->get_certificate_revocation_list());
            co_return;
        case v1::Request::kListCertificates: {
            auto answer = co_await list_certificates(std::move(call), request->list_certificates());
            *response.mutable_list_certificates() = std::move(answer);
            co_return;
        }
        case v1::Request::kRevokeCertificate: {
            auto answer = co_await revoke_certificate(std::move(call), request->revoke_certificate());
            *response.mutable_revoke_certificate() = std::move(answer);
            co_return;
        }
        default:
            throw secrets::ServiceError(v1::UNKNOWN_OPERATION, "This is no operation of certificates.");
    }
}

template <class T>
awaitable<T> CertificateService::read(Call call, UniqueFunction<T(storage::ReadTransaction&)> job) {
    return secrets::read_for<T>(parts_.database, std::move(call), Priority::write, std::move(job));
}

template <class T>
awaitable<T> CertificateService::write(Call call, UniqueFunction<T(storage::WriteTransaction&)> job) {
    return secrets::write_for<T>(parts_.database, std::move(call), std::move(job));
}

v1::ListCertificateAuthoritiesResponse CertificateService::list_authorities(
    const secrets::CallContext& call) const {
    authorization_.require(call, Action::coffer_list_certificate_authorities, {"*", "*"}, {});
    v1::ListCertificateAuthoritiesResponse response;
    for (const auto& authority : parts_.lists.authorities()) {
        auto& message = *response.add_authorities();
        const auto validity = validity_of(authority->certificate());
        message.set_name(authority->name());
        message.set_subject(text_of(X509_get_subject_name(authority->certificate())));
        message.set_not_before(validity.not_before.seconds());
        message.set_not_after(validity.not_after.seconds());
        message.set_certificates(pem_of(authority->chain()));
        if (const auto list = parts_.lists.newest(authority->name())) {
            const auto parsed = parse_crl(*list);
            message.set_revocation_list_number(to_hex(number_of(parsed.get())));
            message.set_next_update(times_of(parsed.get()).next_update.seconds());
        }
    }
    return response;
}

v1::GetCertificateRevocationListResponse CertificateService::get_list(
    const secrets::CallContext& call, const v1::GetCertificateRevocationListRequest& request) const {
    authorization_.require(call, Action::coffer_get_certificate_revocation_list, {"*", "*"}, {});
    const auto list = parts_.lists.newest(request.authority());
    if (!find_authority(parts_.lists.authorities(), request.authority()) || !list) {
        throw secrets::ServiceError(
            v1::RESOURCE_NOT_FOUND,
            "This node has no certificate authority of that name, or it has made no revocation list yet.");
    }
    const auto parsed = parse_crl(*list);
    const auto times = times_of(parsed.get());
    v1::GetCertificateRevocationListResponse response;
    response.set_revocation_list(pem_of(parsed.get()));
    response.set_number(to_hex(number_of(parsed.get())));
    response.set_this_update(times.this_update.seconds());
    response.set_next_update(times.next_update.seconds());
    response.set_entries(static_cast<std::int64_t>(revocations_of(parsed.get()).size()));
    return response;
}

awaitable<v1::ListCertificatesResponse> CertificateService::list_certificates(
    Call call, v1::ListCertificatesRequest request) {
    const secrets::Target everything{"*", "*"};
    const secrets::Facts facts;
    authorization_.require(*call, Action::coffer_list_certificates, everything, facts);
    CanonicalEncoder context("coffer/page/ListCertificates/v1");
    context.text(call->caller.principal).text(request.authority()).boolean(request.include_expired());
    context.number(request.has_expiring_in_days() ? request.expiring_in_days() : -1);
    std::optional<CertificateRepository::Position> after;
    if (request.has_next_token()) {
        after = place_from(parts_.page_tokens.open(request.next_token(), context.result()));
    }
    const auto now = parts_.clock.now();
    CertificateRepository::Filter filter;
    if (request.has_authority()) filter.authority = request.authority();
    if (!request.include_expired()) filter.ends_after = now;
    if (request.has_expiring_in_days()) {
        filter.ends_by = now + std::chrono::hours(24 * request.expiring_in_days());
    }
    const auto wanted =
        request.has_max_results() ? static_cast<std::size_t>(request.max_results()) : kCertificatesPage;
    UniqueFunction<Rows(storage::ReadTransaction&)> job = [filter, after,
                                                           wanted](storage::ReadTransaction& tx) {
        return CertificateRepository::list(tx, filter, after, wanted + 1);
    };
    auto rows = co_await read<Rows>(call, std::move(job));
    v1::ListCertificatesResponse response;
    if (rows.size() > wanted) {
        rows.pop_back();
        response.set_next_token(parts_.page_tokens.make(place_of(rows.back()), context.result()));
    }
    for (const auto& row : rows) *response.add_certificates() = message_of(row);
    co_return response;
}

awaitable<CertificateService::Rows> CertificateService::require_of_secret(Call call, std::string secret_id) {
    const secrets::NamedSecretParts named{parts_.database, parts_.node, authorization_};
    const secrets::Facts facts;
    const auto found = co_await secrets::require_named_secret(named, call, std::move(secret_id),
                                                              Action::coffer_revoke_certificate, facts);
    CertificateRepository::Filter filter;
    filter.secret_arn = found->arn;
    filter.ends_after = parts_.clock.now();
    UniqueFunction<Rows(storage::ReadTransaction&)> listing = [filter](storage::ReadTransaction& tx) {
        Rows all;
        std::optional<CertificateRepository::Position> after;
        while (true) {
            auto page = CertificateRepository::list(tx, filter, after, kRowsAtOnce);
            const bool last = page.size() < kRowsAtOnce;
            if (!last) {
                const auto& end = page.back();
                after = CertificateRepository::Position{end.not_after, end.authority, end.serial, end.issuer};
            }
            std::ranges::move(page, std::back_inserter(all));
            if (last) return all;
        }
    };
    auto rows = co_await read<Rows>(call, std::move(listing));
    // The signed list says what is revoked, not the row.
    std::erase_if(rows, [this](const IssuedCertificate& row) {
        return row.authority.empty() || parts_.lists.is_revoked(row.authority, from_hex(row.serial));
    });
    if (rows.empty()) {
        throw secrets::invalid_request(
            "An authority of Coffer's has issued no certificate to this secret that has not ended or been "
            "revoked.");
    }
    co_return rows;
}

awaitable<CertificateService::Rows> CertificateService::require_of_serial(Call call, std::string serial) {
    const auto named = named_serial(serial);
    UniqueFunction<Rows(storage::ReadTransaction&)> job = [plain =
                                                               named.serial](storage::ReadTransaction& tx) {
        return CertificateRepository::find(tx, plain);
    };
    auto rows = co_await read<Rows>(call, std::move(job));
    // Another CA may have given the same number.
    std::erase_if(rows, [&named](const IssuedCertificate& row) {
        return row.authority.empty() || (named.authority && row.authority != *named.authority);
    });
    const secrets::Facts facts;
    for (const auto& row : rows) {
        using Found = std::optional<StoredSecret>;
        UniqueFunction<Found(storage::ReadTransaction&)> look =
            [name = row.secret_name](storage::ReadTransaction& tx) {
                return storage::SecretRepository::find(tx, name);
            };
        auto secret = co_await read<Found>(call, std::move(look));
        if (secret && secret->arn != row.secret_arn) secret.reset();
        const secrets::Target target{row.secret_arn, row.secret_arn, secret ? &*secret : nullptr};
        call->record->concerns(row.secret_arn);
        authorization_.require(*call, Action::coffer_revoke_certificate, target, facts);
    }
    if (rows.empty()) {
        const secrets::Target nothing{"*", "*"};
        authorization_.require(*call, Action::coffer_revoke_certificate, nothing, facts);
        if (!named.authority) {
            throw secrets::ServiceError(v1::RESOURCE_NOT_FOUND,
                                        "No authority of Coffer's has a certificate with that serial number "
                                        "on record. One that is not "
                                        "on record is revoked by its authority and serial number together.");
        }
        // Issued before a backup was restored, or by the authority before Coffer had it.
        rows.push_back({.authority = *named.authority,
                        .issuer = {},
                        .serial = named.serial,
                        .function = {},
                        .secret_arn = {},
                        .secret_name = {},
                        .version = storage::VersionId(std::string()),
                        .names = {},
                        .issued = {},
                        .not_before = {},
                        .not_after = {}});
    }
    co_return rows;
}

awaitable<CertificateService::Rows> CertificateService::require_named(Call call,
                                                                      v1::RevokeCertificateRequest request) {
    if (request.has_secret_id() == request.has_serial_number()) {
        throw secrets::invalid_parameter("Give one of SecretId and SerialNumber.");
    }
    if (request.has_secret_id()) co_return co_await require_of_secret(std::move(call), request.secret_id());
    co_return co_await require_of_serial(std::move(call), request.serial_number());
}

void CertificateService::require_authority_of_any(const Rows& rows) const {
    const bool any = std::ranges::any_of(rows, [this](const IssuedCertificate& row) {
        return find_authority(parts_.lists.authorities(), row.authority) != nullptr;
    });
    if (any) return;
    throw secrets::invalid_request("This node has no certificate authority \"" + rows.front().authority +
                                   "\", which issued the certificate.");
}

awaitable<v1::RevokeCertificateResponse> CertificateService::revoke_certificate(
    Call call, v1::RevokeCertificateRequest request) {
    auto rows = co_await require_named(call, request);
    require_authority_of_any(rows);
    const auto now = parts_.clock.now();
    const auto reason = revocation_reason_of(request.reason()).value_or(RevocationReason::unspecified);
    std::map<std::string, std::vector<Revocation>> by_authority;
    std::map<std::string, std::string> secrets_of;  // ARNs, by name
    for (const auto& row : rows) {
        if (!find_authority(parts_.lists.authorities(), row.authority)) continue;
        // Whatever the row says: what is in the signed list already stays as it is.
        by_authority[row.authority].push_back({from_hex(row.serial), now, reason});
        if (!row.secret_name.empty()) secrets_of.emplace(row.secret_name, row.secret_arn);
    }
    using Made = std::map<std::string, Bytes>;
    // In the order of their names, as everybody who locks several lists does, and then the secrets.
    UniqueFunction<Made(storage::WriteTransaction&)> job = [this, by_authority, secrets_of, reason,
                                                            now](storage::WriteTransaction& tx) {
        Made made;
        for (const auto& [name, revocations] : by_authority) {
            const auto authority = find_authority(parts_.lists.authorities(), name);
            made.emplace(name, parts_.lists.make_next(tx, *authority, revocations, now).list);
            for (const auto& each : revocations) {
                CertificateRepository::mark_revoked(tx, name, to_hex(each.serial), now,
                                                    std::string(name_of(reason)));
            }
        }
        for (const auto& [name, arn] : secrets_of) look_again(tx, name, arn, now + kUntilAllNodesKnow);
        return made;
    };
    const auto made = co_await write<Made>(call, std::move(job));
    std::map<std::string, std::vector<Revocation>> signed_now;
    for (const auto& [name, list] : made) {
        parts_.lists.adopt_made(*find_authority(parts_.lists.authorities(), name), list);
        signed_now.emplace(name, revocations_of(parse_crl(list).get()));
    }
    if (parts_.changed) parts_.changed();
    v1::RevokeCertificateResponse response;
    for (auto& row : rows) {
        // Nothing, where this node does not have the authority: it is not revoked.
        take_revocation(row, signed_now[row.authority]);
        *response.add_certificates() = message_of(row);
    }
    co_return response;
}

}  // namespace coffer::certificates
