#pragma once
// coffer-hsm ca: keys of certificate authorities, made in the token or brought there. Each prints to standard
// output and returns the exit code; errors are thrown.

#include <filesystem>
#include <string>

#include "crypto/authority_key.hpp"
#include "hsm-config/coffer_hsm/token_options.hpp"

namespace coffer::hsm_config {

struct CaCreateOptions {
    TokenOptions token;
    std::string name;
    std::string subject;  ///< "O=Example,CN=Example Issuing CA"
    crypto::AuthorityKeyType key_type = crypto::AuthorityKeyType::ec_p256;
    bool self_signed = false;
    int days = 0;                       ///< with self_signed
    std::filesystem::path out;          ///< with self_signed: where the certificate goes
    std::filesystem::path request_out;  ///< otherwise: where the request goes
    bool existing_key = false;          ///< for the key that is there already
};

/// Makes an authority's key and its certificate, or a request for one. The files must not exist. When
/// something fails the token is as it was.
int ca_create_command(const CaCreateOptions& options);

struct CaImportOptions {
    TokenOptions token;
    std::string name;
    std::filesystem::path key;
    std::filesystem::path certificate;
};

/// Brings an existing authority's key into the token, after a look at its certificate.
int ca_import_command(const CaImportOptions& options);

}  // namespace coffer::hsm_config
