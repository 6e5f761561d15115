#pragma once
// ListSecrets over all of its pages, with the AWS CLI's --max-items, --page-size and --starting-token.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "coffer/v1/secrets.pb.h"

namespace coffer::cli {

struct Paging {
    std::optional<std::int64_t> max_items;
    std::optional<std::int64_t> page_size;
    std::string starting_token;
};

using ListPage = std::function<v1::ListSecretsResponse(v1::ListSecretsRequest)>;

/// One response with the entries of all pages, up to max_items. When there are more, next_token is what
/// --starting-token takes to go on: opaque, and able to begin in the middle of a page.
[[nodiscard]] v1::ListSecretsResponse list_all(const ListPage& list_page, v1::ListSecretsRequest request,
                                               const Paging& paging);

}  // namespace coffer::cli
