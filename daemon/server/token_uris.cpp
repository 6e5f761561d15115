#include "daemon/server/token_uris.hpp"

#include "daemon/base/errors.hpp"

namespace coffer::server {

void check_token_uri(TableReader& reader, std::string_view key, const std::string& uri) {
    try {
        static_cast<void>(crypto::TokenUri::parse(uri));
    } catch (const Error& error) {
        reader.complain(key, error.what());
    }
}

void check_key_uri(TableReader& reader, std::string_view key, const std::string& uri) {
    if (!uri.starts_with("pkcs11:")) {
        reader.complain(key, "must be the URI of a key in the token: \"pkcs11:token=LABEL;object=KEY\"");
        return;
    }
    try {
        static_cast<void>(crypto::TokenUri::parse_key(uri));
    } catch (const Error& error) {
        reader.complain(key, error.what() + std::string(" (\"pkcs11:token=LABEL;object=KEY;type=private\")"));
    }
}

}  // namespace coffer::server
