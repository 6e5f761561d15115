#include "daemon/usage/service.hpp"

#include "daemon/secrets/call_transactions.hpp"
#include "daemon/secrets/errors.hpp"

namespace coffer::usage {

using boost::asio::awaitable;
using storage::UsageRepository;

namespace {

constexpr std::size_t kMostLines = 10'000;
constexpr std::int64_t kDefaultItems = 100;
constexpr std::string_view kTagPrefix = "tag:";

Sums sums_by_tag(storage::ReadTransaction& tx, const storage::DayRange& days, const std::string& key) {
    Sums sums;
    sums.lines = UsageRepository::sums_by_tag(tx, key, days, kMostLines);
    sums.total = UsageRepository::total(tx, days);
    sums.divided.secret_days = sums.total.sum.secret_days;
    sums.divided.scheduled_days = sums.total.sum.scheduled_days;
    const auto counted = UsageRepository::total_of_secrets(tx, days);
    sums.divided.requests = counted.requests;
    sums.divided.errors = counted.errors;
    sums.divided.rotations = counted.rotations;
    if (sums.lines.size() < kMostLines) sums.rest = kUntagged;
    return sums;
}

Sums sums_of(storage::ReadTransaction& tx, const storage::DayRange& days, const std::string& by) {
    if (by.starts_with(kTagPrefix)) return sums_by_tag(tx, days, by.substr(kTagPrefix.size()));
    Sums sums;
    if (by.empty()) {
        sums.total = UsageRepository::total(tx, days);
        return sums;
    }
    const auto column = by == "principal" ? UsageRepository::By::principal : UsageRepository::By::operation;
    sums.lines = UsageRepository::requests_by(tx, column, days, kMostLines);
    sums.total = UsageRepository::total(tx, days);
    sums.divided.requests = sums.total.sum.requests;
    sums.divided.errors = sums.total.sum.errors;
    if (column == UsageRepository::By::principal) sums.divided.rotations = sums.total.sum.rotations;
    return sums;
}

void put_secret(const storage::UnusedSecret& stored, v1::UnusedSecret& secret) {
    secret.set_name(stored.name);
    secret.set_arn(stored.arn);
    secret.set_created_date(stored.created.seconds());
    if (stored.last_accessed) secret.set_last_accessed_date(stored.last_accessed->seconds());
    if (stored.last_principal) secret.set_last_principal(*stored.last_principal);
}

}  // namespace

bool UsageService::has(v1::Request::OperationCase operation) const noexcept {
    return operation == v1::Request::kGetUsage || operation == v1::Request::kListUnusedSecrets;
}

awaitable<void> UsageService::perform(secrets::Call call, std::shared_ptr<const v1::Request> request,
                                      v1::Response& response) {
    if (request->has_get_usage()) {
        auto answer = co_await get_usage(std::move(call), request->get_usage());
        *response.mutable_get_usage() = std::move(answer);
    } else {
        auto answer = co_await list_unused_secrets(std::move(call), request->list_unused_secrets());
        *response.mutable_list_unused_secrets() = std::move(answer);
    }
}

void UsageService::require(const secrets::CallContext& call, access::Action action) const {
    authorization_.require(call, action, {"*", "*"}, {});
}

template <class T>
awaitable<T> UsageService::read(secrets::Call call, UniqueFunction<T(storage::ReadTransaction&)> job) {
    return secrets::read_for<T>(database_, std::move(call), Priority::rotation, std::move(job));
}

awaitable<v1::GetUsageResponse> UsageService::get_usage(secrets::Call call, v1::GetUsageRequest request) {
    require(*call, access::Action::coffer_get_usage);
    const auto month = month_of(request.month());
    UniqueFunction<Sums(storage::ReadTransaction&)> job = [days = month.days,
                                                           by = request.by()](storage::ReadTransaction& tx) {
        return sums_of(tx, days, by);
    };
    auto sums = co_await read<Sums>(std::move(call), std::move(job));
    auto response = report(month, std::move(sums), prices_);
    response.set_month(request.month());
    co_return response;
}

awaitable<v1::ListUnusedSecretsResponse> UsageService::list_unused_secrets(
    secrets::Call call, v1::ListUnusedSecretsRequest request) {
    using Secrets = std::vector<storage::UnusedSecret>;
    require(*call, access::Action::coffer_list_unused_secrets);
    const auto most = static_cast<std::size_t>(request.has_max_items() ? request.max_items() : kDefaultItems);
    // A secret last read exactly so many days ago is unused for that long.
    const auto before =
        Timestamp::from_millis(clock_.now().day().millis() - (request.days() - 1) * kMillisPerDay);
    UniqueFunction<Secrets(storage::ReadTransaction&)> job = [before, after = request.marker(),
                                                              most](storage::ReadTransaction& tx) {
        return UsageRepository::unused_since(tx, before, after, most + 1);
    };
    const auto secrets = co_await read<Secrets>(std::move(call), std::move(job));
    v1::ListUnusedSecretsResponse response;
    const bool more = secrets.size() > most;
    for (std::size_t i = 0; i < std::min(secrets.size(), most); ++i) {
        put_secret(secrets[i], *response.add_secrets());
    }
    response.set_is_truncated(more);
    if (more) response.set_marker(secrets[most - 1].name);
    co_return response;
}

}  // namespace coffer::usage
