#include "daemon/sts/jwt.hpp"

#include <fmt/format.h>

#include "daemon/sts/base64url.hpp"
#include "daemon/sts/strict_json.hpp"

namespace coffer::sts {

namespace {

constexpr std::size_t kHeaderCharactersMax = 4'096;
constexpr std::size_t kHeaderDepthMax = 8;
constexpr std::size_t kClaimsDepthMax = 16;
constexpr std::size_t kTokenKeyIdMax = 256;

constexpr std::string_view kNoJwt =
    "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)";

access::JsonValue read_part(std::string_view part, std::size_t max_depth, std::string_view name) {
    const auto bytes = decode_base64url(part);
    if (!bytes) throw BadToken(std::string(kNoJwt));
    try {
        return read_strict_object(bytes->text(), max_depth);
    } catch (const BadJson& error) {
        throw BadToken(fmt::format("The {} of the token cannot be used: {}.", name, error.what()));
    }
}

JwsAlgorithm algorithm_in(const access::JsonValue& header) {
    const auto name = text_member(header, "alg");
    const auto algorithm = name ? find_jws_algorithm(*name) : std::nullopt;
    if (algorithm) return *algorithm;
    throw BadToken(
        "The token's signature algorithm is not taken. It must be RS256, RS384, RS512, PS256, PS384, PS512, "
        "ES256, ES384, "
        "ES512 or EdDSA.");
}

}  // namespace

Jwt Jwt::parse(std::string_view token) {
    if (token.size() > kCharactersMax) {
        throw BadToken(fmt::format("The token has more than {} characters.", kCharactersMax));
    }
    const auto first = token.find('.');
    const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
    if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
        throw BadToken(std::string(kNoJwt));
    }
    if (first > kHeaderCharactersMax) {
        throw BadToken(fmt::format("The token's header has more than {} characters.", kHeaderCharactersMax));
    }
    Jwt jwt;
    jwt.signing_input_ = token.substr(0, second);
    const auto header = read_part(token.substr(0, first), kHeaderDepthMax, "header");
    try {
        if (find_member(header, "crit") != nullptr) {
            throw BadToken("The token's header has extensions that must be understood ('crit'); none is.");
        }
        jwt.algorithm_ = algorithm_in(header);
        jwt.key_id_ = text_member(header, "kid").value_or("");
    } catch (const BadJson& error) {
        throw BadToken(fmt::format("The header of the token cannot be used: {}.", error.what()));
    }
    if (jwt.key_id_.size() > kTokenKeyIdMax) {
        throw BadToken(fmt::format("The token's key id has more than {} characters.", kTokenKeyIdMax));
    }
    jwt.claims_ = read_part(token.substr(first + 1, second - first - 1), kClaimsDepthMax, "claims");
    auto signature = decode_base64url(token.substr(second + 1));
    if (!signature || signature->empty()) throw BadToken(std::string(kNoJwt));
    jwt.signature_ = std::move(*signature);
    return jwt;
}

}  // namespace coffer::sts
