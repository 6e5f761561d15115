#pragma once
// A second evaluator, written from AWS's description in the plainest way: it works on the text of the
// documents, compiles nothing, and shares with the one under test no more than the reader of JSON. Slow on
// purpose.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/access/json_reader.hpp"

namespace coffer::access::plain {

/// Documents by what they are attached to. All have been accepted by the parser.
struct Policies {
    std::vector<JsonValue> identity;
    std::vector<JsonValue> session;
    std::optional<JsonValue> boundary;
    std::optional<JsonValue> resource;
    std::optional<JsonValue> listener;
    std::optional<JsonValue> stored_listener;
    /// The unique id of each ARN that `resource` named when it was put; empty: nobody's.
    std::map<std::string, std::string> resource_ids;
};

using Tags = std::vector<std::pair<std::string, std::string>>;

struct Request {
    std::string principal_type;
    std::string principal_arn;
    std::string issuer_arn;
    std::string account;
    std::string id;
    std::string name;
    std::string provider;
    std::string action;
    std::string resource;
    Tags principal_tags;
    Tags resource_tags;
    Tags request_tags;
    /// Every other key, by its name in lower case.
    std::map<std::string, std::vector<std::string>> keys;
};

/// "allow", "explicit deny", "implicit deny".
[[nodiscard]] std::string decide(const Request& request, const Policies& policies);

/// What a request's own facts give keys: aws:PrincipalArn and the like.
void add_derived_keys(Request& request);

}  // namespace coffer::access::plain
