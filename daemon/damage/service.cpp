#include "daemon/damage/service.hpp"

#include <fmt/format.h>

#include "daemon/damage/finding.hpp"
#include "daemon/secrets/call_transactions.hpp"
#include "daemon/secrets/errors.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::damage {

using boost::asio::awaitable;
using storage::DamageLook;
using storage::DamageRepository;
using storage::SecretId;

namespace {

constexpr std::int64_t kDefaultPage = 200;
constexpr std::string_view kSecretArnPrefix = "arn:aws:secretsmanager:";

SecretId row_of(const std::string& row_id) {
    const auto id = Uuid::parse(row_id);
    if (!id) {
        throw secrets::invalid_parameter(
            "The RowId is not a UUID: take it from ListDamagedSecrets (coffer damaged list).");
    }
    return SecretId(*id);
}

secrets::ServiceError no_such_row(SecretId id) {
    return {v1::RESOURCE_NOT_FOUND, fmt::format("There is no secret with the row id {}.", id.value().text())};
}

/// A page of the scan, and how many secrets there are where that was asked.
struct Scanned {
    DamageRepository::Page page;
    std::optional<std::int64_t> total;
};

struct Discarded {
    storage::DamagedSecret damage;
    std::vector<Bytes> wrapped_keys;
};

/// The damaged secret, locked. Throws for one that is not there, or not known to be damaged.
storage::DamagedSecret require_damaged(storage::WriteTransaction& tx, SecretId id) {
    auto found = DamageRepository::lock(tx, id);
    if (!found) throw no_such_row(id);
    if (!found->damage) {
        throw secrets::invalid_request(
            fmt::format("The secret with the row id {} is whole; use DeleteSecret.", id.value().text()));
    }
    if (found->damage->kind == storage::DamagedSecret::Kind::not_judged) {
        throw secrets::ServiceError(
            v1::SERVICE_UNAVAILABLE,
            fmt::format("Whether the secret with the row id {} is damaged cannot be judged now: its seal "
                        "names generation {} of the seal key, which this node's token lacks.",
                        id.value().text(), found->damage->seal_generation),
            true);
    }
    return std::move(*found->damage);
}

/// What the event of the change says, besides the row's id, of what is gone.
void note_down(const secrets::CallContext& call, const v1::DamagedSecret& gone) {
    auto& record = *call.record;
    record.resources.clear();  // of an attempt before
    if (gone.arn().starts_with(kSecretArnPrefix)) record.concerns(gone.arn());
    boost::json::array parts(gone.parts().begin(), gone.parts().end());
    record.response_elements = boost::json::object{
        {"rowId", gone.row_id()}, {"name", gone.name()}, {"arn", gone.arn()}, {"parts", std::move(parts)}};
}

}  // namespace

bool DamageService::has(v1::Request::OperationCase operation) const noexcept {
    return operation == v1::Request::kListDamagedSecrets || operation == v1::Request::kDiscardDamagedSecret;
}

awaitable<void> DamageService::perform(secrets::Call call, std::shared_ptr<const v1::Request> request,
                                       v1::Response& response) {
    if (request->has_list_damaged_secrets()) {
        auto answer = co_await list(std::move(call), request->list_damaged_secrets());
        *response.mutable_list_damaged_secrets() = std::move(answer);
    } else {
        auto answer = co_await discard(std::move(call), request->discard_damaged_secret());
        *response.mutable_discard_damaged_secret() = std::move(answer);
    }
}

awaitable<v1::ListDamagedSecretsResponse> DamageService::list(secrets::Call call,
                                                              v1::ListDamagedSecretsRequest request) {
    authorization_.require(*call, access::Action::coffer_list_damaged_secrets, {"*", "*"}, {});
    if (request.has_row_id()) {
        const auto id = row_of(request.row_id());
        co_return co_await look(std::move(call), id);
    }

    CanonicalEncoder context("coffer/page/ListDamagedSecrets/v1");
    context.text(call->caller.principal);
    std::optional<SecretId> after;
    if (request.has_next_token()) {
        const auto position = page_tokens_.open(request.next_token(), context.result());
        const auto id = Uuid::parse(as_text(position));
        if (!id) throw secrets::invalid_next_token();
        after = SecretId(*id);
    }
    const auto limit =
        static_cast<std::size_t>(request.has_max_results() ? request.max_results() : kDefaultPage);
    UniqueFunction<Scanned(storage::ReadTransaction&)> job = [after, limit](storage::ReadTransaction& tx) {
        Scanned scanned;
        if (!after) scanned.total = storage::SecretRepository::count(tx);
        scanned.page = DamageRepository::scan(tx, after, limit);
        return scanned;
    };
    const auto scanned =
        co_await secrets::read_for<Scanned>(database_, std::move(call), Priority::rotation, std::move(job));
    v1::ListDamagedSecretsResponse response;
    for (const auto& found : scanned.page.damaged) *response.add_damaged_secrets() = to_message(found);
    response.set_checked(static_cast<std::int64_t>(scanned.page.looked_at));
    if (scanned.total) response.set_total(*scanned.total);
    if (const auto& next = scanned.page.next) {
        const auto position = next->value().text();
        response.set_next_token(page_tokens_.make(as_bytes(position), context.result()));
    }
    co_return response;
}

awaitable<v1::ListDamagedSecretsResponse> DamageService::look(secrets::Call call, SecretId id) {
    using Look = std::optional<DamageLook>;
    UniqueFunction<Look(storage::ReadTransaction&)> job = [id](storage::ReadTransaction& tx) {
        return DamageRepository::look(tx, id);
    };
    const auto found =
        co_await secrets::read_for<Look>(database_, std::move(call), Priority::rotation, std::move(job));
    if (!found) throw no_such_row(id);
    v1::ListDamagedSecretsResponse response;
    if (found->damage) *response.add_damaged_secrets() = to_message(*found->damage);
    response.set_checked(1);
    co_return response;
}

awaitable<v1::DiscardDamagedSecretResponse> DamageService::discard(secrets::Call call,
                                                                   v1::DiscardDamagedSecretRequest request) {
    authorization_.require(*call, access::Action::coffer_discard_damaged_secret, {"*", "*"}, {});
    const auto id = row_of(request.row_id());
    UniqueFunction<Discarded(storage::WriteTransaction&)> job = [call, id](storage::WriteTransaction& tx) {
        Discarded discarded{require_damaged(tx, id), {}};
        discarded.wrapped_keys = storage::SecretRepository::wrapped_keys(tx, id);
        DamageRepository::discard(tx, discarded.damage);
        note_down(*call, to_message(discarded.damage));
        return discarded;
    };
    const auto discarded = co_await secrets::write_for<Discarded>(database_, call, std::move(job));
    for (const auto& wrapped_key : discarded.wrapped_keys) hsm_.envelope().forget(wrapped_key);
    v1::DiscardDamagedSecretResponse response;
    *response.mutable_damaged_secret() = to_message(discarded.damage);
    co_return response;
}

}  // namespace coffer::damage
