// ListSecrets and BatchGetSecretValue: pages of secrets that match filters.

#include <algorithm>
#include <set>

#include "daemon/secrets/audit_trail.hpp"
#include "daemon/secrets/error_mapping.hpp"
#include "daemon/secrets/position.hpp"
#include "daemon/secrets/responses.hpp"
#include "daemon/secrets/service_support.hpp"
#include "proto/names.hpp"

namespace coffer::secrets {

using boost::asio::awaitable;
using storage::ListCursor;
using storage::ListQuery;
using storage::SortKey;
using storage::StoredSecret;

namespace {

/// Rows that one request looks at; past them it answers what it has, with a token. AWS allows such pages.
constexpr std::size_t kMaxRowsScanned = 10'000;
/// Rows of one statement.
constexpr std::size_t kRowsPerQuery = 500;
/// A page ends when its entries take this much, so that it fits into a frame.
constexpr std::size_t kMaxPageBytes = 768U * 1024;

SortKey sort_key(const std::string& sort_by) {
    if (sort_by == "name") return SortKey::name;
    if (sort_by == "last-changed-date") return SortKey::last_changed;
    if (sort_by == "last-accessed-date") return SortKey::last_accessed;
    return SortKey::created;
}

ListCursor cursor_behind(const StoredSecret& secret, SortKey key) {
    switch (key) {
        case SortKey::name:
            return {std::nullopt, secret.name, secret.id};
        case SortKey::last_changed:
            return {secret.last_changed, "", secret.id};
        case SortKey::last_accessed:
            return {secret.last_accessed, "", secret.id};
        case SortKey::created:
            break;
    }
    return {secret.created, "", secret.id};
}

/// An estimate, from above, of what an entry takes in a message.
std::size_t entry_bytes(const StoredSecret& secret) {
    constexpr std::size_t kFixed = 200;
    constexpr std::size_t kPerItem = 16;
    std::size_t bytes =
        kFixed + secret.name.size() + secret.arn.size() + secret.description.value_or("").size();
    for (const auto& tag : secret.tags.value_or(std::vector<storage::Tag>{}))
        bytes += tag.key.size() + tag.value.size() + kPerItem;
    for (const auto& version : secret.versions) {
        bytes += version.id.value().size() + kPerItem;
        for (const auto& label : version.labels) bytes += label.value().size() + kPerItem;
    }
    return bytes;
}

}  // namespace

awaitable<SecretsService::Page> SecretsService::list_page(Call call, ListQuery query,
                                                          std::shared_ptr<const ListFilter> filter,
                                                          std::size_t max_results) {
    Page page;
    std::size_t scanned = 0;
    std::size_t bytes = 0;
    query.name_prefixes = filter->name_prefixes();
    query.matches = [filter](const StoredSecret& secret) { return filter->matches(secret); };
    while (true) {
        // One more than is wanted tells whether there is a next page.
        query.limit = std::min(kRowsPerQuery, max_results + 1 - page.secrets.size());
        UniqueFunction<storage::ListResult(storage::ReadTransaction&)> job =
            [query](storage::ReadTransaction& tx) { return storage::SecretRepository::list(tx, query); };
        auto rows = co_await read<storage::ListResult>(call, std::move(job));
        scanned += rows.scanned;
        for (auto& secret : rows.secrets) {
            if (page.secrets.size() == max_results ||
                (bytes > 0 && bytes + entry_bytes(secret) > kMaxPageBytes)) {
                page.next = cursor_behind(page.secrets.back(), query.sort_by);
                co_return page;
            }
            bytes += entry_bytes(secret);
            page.secrets.push_back(std::move(secret));
        }
        if (!rows.next) co_return page;
        query.after = rows.next;
        if (scanned >= kMaxRowsScanned) {
            page.next = rows.next;
            co_return page;
        }
    }
}

v1::SecretListEntry SecretsService::to_list_entry(const StoredSecret& secret) const {
    v1::SecretListEntry entry;
    fill_metadata(secret, last_accessed(secret), entry);
    fill_labels(secret.versions, *entry.mutable_secret_versions_to_stages());
    return entry;
}

awaitable<v1::ListSecretsResponse> SecretsService::list_secrets(Call call, v1::ListSecretsRequest request) {
    authorization_.require(*call, access::Action::list_secrets, {"*", "*"}, {});
    const auto filter = std::make_shared<const ListFilter>(request.filters());
    ListQuery query;
    query.sort_by = sort_key(request.sort_by());
    query.descending = request.sort_order() == "desc";
    query.include_deleted = request.include_planned_deletion();

    CanonicalEncoder context("coffer/page/ListSecrets/v1");
    context.text(call->caller.principal).text(filter->fingerprint()).number(static_cast<int>(query.sort_by));
    context.boolean(query.descending).boolean(query.include_deleted);
    if (request.has_next_token()) {
        query.after = decode_cursor(parts_.page_tokens.open(request.next_token(), context.result()));
    }
    constexpr std::size_t kDefaultPage = 100;
    const auto max_results =
        request.has_max_results() ? static_cast<std::size_t>(request.max_results()) : kDefaultPage;

    const auto page = co_await list_page(call, std::move(query), filter, max_results);
    v1::ListSecretsResponse response;
    for (const auto& secret : page.secrets) *response.add_secret_list() = to_list_entry(secret);
    if (page.next)
        response.set_next_token(parts_.page_tokens.make(encode_cursor(*page.next), context.result()));
    co_return response;
}

namespace {

v1::SecretValueEntry to_value_entry(v1::GetSecretValueResponse value) {
    v1::SecretValueEntry entry;
    entry.set_arn(std::move(*value.mutable_arn()));
    entry.set_name(std::move(*value.mutable_name()));
    entry.set_version_id(std::move(*value.mutable_version_id()));
    if (value.has_secret_binary()) entry.set_secret_binary(std::move(*value.mutable_secret_binary()));
    if (value.has_secret_string()) entry.set_secret_string(std::move(*value.mutable_secret_string()));
    entry.mutable_version_stages()->Swap(value.mutable_version_stages());
    entry.set_created_date(value.created_date());
    return entry;
}

}  // namespace

awaitable<v1::BatchGetSecretValueResponse> SecretsService::batch_get_secret_value(
    Call call, v1::BatchGetSecretValueRequest request) {
    const bool by_id = request.secret_id_list_size() > 0;
    if (by_id == (request.filters_size() > 0)) {
        throw invalid_parameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.");
    }
    if (by_id && request.has_max_results()) {
        throw invalid_parameter(
            "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.");
    }
    authorization_.require(*call, access::Action::batch_get_secret_value, {"*", "*"}, {});

    v1::BatchGetSecretValueResponse response;
    std::vector<std::string> ids;
    if (by_id) {
        // An id that was named twice is read once.
        for (const auto& id : request.secret_id_list()) {
            if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
        }
    } else {
        authorization_.require(*call, access::Action::list_secrets, {"*", "*"}, {});
        const auto filter = std::make_shared<const ListFilter>(request.filters());
        ListQuery query;
        CanonicalEncoder context("coffer/page/BatchGetSecretValue/v1");
        context.text(call->caller.principal).text(filter->fingerprint());
        if (request.has_next_token()) {
            query.after = decode_cursor(parts_.page_tokens.open(request.next_token(), context.result()));
        }
        constexpr std::size_t kDefaultPage = 20;
        const auto max_results =
            request.has_max_results() ? static_cast<std::size_t>(request.max_results()) : kDefaultPage;
        auto page = co_await list_page(call, std::move(query), filter, max_results);
        for (auto& secret : page.secrets) ids.push_back(std::move(secret.arn));
        if (page.next)
            response.set_next_token(parts_.page_tokens.make(encode_cursor(*page.next), context.result()));
    }

    std::set<std::string> seen;  // ARNs: a secret named in two ways is answered once
    for (const auto& id : ids) {
        v1::GetSecretValueRequest request_of_one;
        request_of_one.set_secret_id(id);
        const auto part = begin_part(*call, v1::Request::kGetSecretValue, request_of_one);
        std::optional<MappedError> failure;
        try {
            auto value = co_await get_secret_value(part, std::move(request_of_one));
            if (seen.insert(value.arn()).second)
                *response.add_secret_values() = to_value_entry(std::move(value));
        } catch (const std::exception&) {
            failure = error_of(std::current_exception());
        }
        for (const auto& arn : part->record->resources) call->record->concerns(arn);
        if (!failure) continue;
        const auto error = failure->error;
        call->record->parts.back().failure = std::move(failure);
        // What is wrong with the service is not wrong with one secret.
        if (error.retryable()) throw ServiceError(error.code(), error.message(), true);
        auto& entry = *response.add_errors();
        entry.set_secret_id(id);
        entry.set_error_code(std::string(proto::error_name(error.code())));
        entry.set_message(error.message());
    }
    co_return response;
}

}  // namespace coffer::secrets
