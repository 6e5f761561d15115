#pragma once
// URIs of the token and of keys in it, checked when the configuration is read.

#include <string>
#include <string_view>

#include "crypto/token_uri.hpp"
#include "daemon/server/toml_reader.hpp"

namespace coffer::server {

/// Complains about a URI that names no token.
void check_token_uri(TableReader& reader, std::string_view key, const std::string& uri);
/// Complains about a URI that names no private key of a token.
void check_key_uri(TableReader& reader, std::string_view key, const std::string& uri);

}  // namespace coffer::server
