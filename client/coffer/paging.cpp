#include "client/coffer/paging.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "client/coffer/failure.hpp"
#include "client/coffer/json_output.hpp"
#include "client/coffer/parameter.hpp"

namespace coffer::cli {

namespace {

namespace json = boost::json;

/// Where a list goes on: the daemon's token of a page, and how many of its entries have been shown.
struct Position {
    std::optional<std::string> page;
    std::int64_t skip = 0;
};

// The AWS CLI's own form, so that what is known of its tokens is true of ours.
constexpr const char* kPageKey = "NextToken";
constexpr const char* kSkipKey = "boto_truncate_amount";

std::string to_token(const Position& position) {
    json::object object;
    object[kPageKey] = position.page ? json::value(*position.page) : json::value();
    if (position.skip > 0) object[kSkipKey] = position.skip;
    return base64(json::serialize(object));
}

Position from_token(const std::string& token) {
    if (token.empty()) return {};
    try {
        const auto value = json::parse(std::string(from_base64(token, "--starting-token").text()));
        Position position;
        if (const auto* page = value.at(kPageKey).if_string()) position.page = std::string(*page);
        if (const auto* skip = value.as_object().if_contains(kSkipKey))
            position.skip = skip->to_number<std::int64_t>();
        return position;
    } catch (const std::exception&) {
        return {token, 0};  // the daemon's own token, from a list with --no-paginate
    }
}

}  // namespace

v1::ListSecretsResponse list_all(const ListPage& list_page, v1::ListSecretsRequest request,
                                 const Paging& paging) {
    v1::ListSecretsResponse all;
    Position position = from_token(paging.starting_token);
    if (paging.page_size) request.set_max_results(*paging.page_size);
    while (true) {
        request.clear_next_token();
        if (position.page) request.set_next_token(*position.page);
        v1::ListSecretsResponse page = list_page(request);
        for (int i = static_cast<int>(position.skip); i < page.secret_list_size(); ++i) {
            if (paging.max_items && all.secret_list_size() >= *paging.max_items) {
                all.set_next_token(to_token({position.page, i}));
                return all;
            }
            all.add_secret_list()->Swap(page.mutable_secret_list(i));
        }
        if (!page.has_next_token()) return all;
        position = {page.next_token(), 0};
        if (paging.max_items && all.secret_list_size() >= *paging.max_items) {
            all.set_next_token(to_token(position));
            return all;
        }
    }
}

}  // namespace coffer::cli
