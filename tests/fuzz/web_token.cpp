// A web identity token and the keys that it is verified with, both from strangers. The first byte says where
// the bytes are cut: into a JWK Set and a token.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "daemon/sts/jwt.hpp"
#include "daemon/sts/strict_json.hpp"
#include "daemon/sts/token_claims.hpp"
#include "daemon/sts/web_key_set.hpp"
#include "expect.hpp"

namespace {

using namespace coffer::sts;
using coffer::fuzz::expect;

/// RFC 8037, appendix A.2. Nothing in the corpus is signed with it.
constexpr std::string_view kKeys =
    R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

void check_keys(std::string_view text) {
    try {
        const auto keys = WebKeySet::read(text);
        expect(keys.size() > 0 && keys.size() + keys.ignored() <= WebKeySet::kKeysMax,
               "a set that is taken has keys");
    } catch (const BadJson&) {
        return;
    }
}

void check_token(std::string_view text, const WebKeySet& keys) {
    try {
        const auto jwt = Jwt::parse(text);
        const auto* key = keys.find("", JwsAlgorithm::eddsa);
        if (jwt.algorithm() == JwsAlgorithm::eddsa) {
            expect(!jwt.is_signed_by(*key), "what is not signed is not taken for signed");
        } else {
            expect(!key->suits(jwt.algorithm()), "an algorithm fits one kind of key");
        }
        const auto claims = read_claims(jwt.claims());
        expect(!claims.issuer.empty() && !claims.subject.empty() && !claims.audience().empty(),
               "claims that are taken say who, by whom and for whom");
        expect(claims.audiences.size() == 1 || claims.authorized_party, "one audience, or one party");
    } catch (const BadToken&) {
        return;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto keys = WebKeySet::read(kKeys);
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
    const auto cut = data[0] * text.size() / 255;
    check_keys(text.substr(0, cut));
    check_token(text.substr(cut), keys);
    return 0;
}
