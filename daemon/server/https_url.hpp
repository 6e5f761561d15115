#pragma once
// Addresses of other servers in the configuration.

#include <boost/url/url_view.hpp>
#include <optional>
#include <string>

#include "daemon/server/config.hpp"
#include "daemon/server/toml_reader.hpp"

namespace coffer::server {

/// Nothing for what is no https address of a named host: at most 255 visible characters, without user and
/// fragment. Refers to `text`.
[[nodiscard]] std::optional<boost::urls::url_view> https_address(const std::string& text);

/// Reads such an address. False when it is absent or wrong, which is reported.
bool read_https_url(TableReader& reader, std::string_view key, HttpsUrl& address,
                    TableReader::Need need = TableReader::Need::optional);

}  // namespace coffer::server
