// JSON Web Tokens and the keys that verify them. The vectors are those of RFC 7515, appendix A (A.2 RS256,
// A.3 ES256, A.4 ES512) and RFC 8037, appendix A.4 (EdDSA); those of RS384, RS512, PS256, PS384, PS512 and
// ES384 were made with PyJWT 2.6.

#include <gmock/gmock.h>

#include <string>

#include "daemon/secrets/sealed_text.hpp"
#include "daemon/sts/base64url.hpp"
#include "daemon/sts/jwt.hpp"
#include "daemon/sts/strict_json.hpp"
#include "daemon/sts/web_key_set.hpp"
#include "token_maker.hpp"

namespace coffer::sts {
namespace {

using testing::HasSubstr;

constexpr const char* kRfcClaims =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

constexpr const char* kRfcRsa =
    R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-)"
    R"(Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSX)"
    R"(ndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoud)"
    R"(F8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"})";
constexpr const char* kRfcRsaSignature =
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7"
    "AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4"
    "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
    "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"
    "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
    "p0igcN_IoypGlUPQGe77Rw";
constexpr const char* kRfcEc =
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
constexpr const char* kRfcEcSignature =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
constexpr const char* kRfcEc521 =
    R"({"kty":"EC","crv":"P-521",)"
    R"("x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",)"
    R"("y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"})";
constexpr const char* kRfcEd25519 =
    R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";

constexpr const char* kPyJwtRsaModulus =
    "lTuXjmAI2HJDEJWmsvCpHIGUo1_NHi3CT_opYwx9g3GbF83MdeWKjvzQnEZXa3cPdKDEMc0obre7xv0kBcz5UqqFEzA_wmVdOSXA"
    "fdvWmPfeWswa-MiKK6-4CwPexKA1goSK1eC1nvKsdZn4ugp0ROc8BlZXqVbfidNNOsYJCYBcMnXyKceccfToeaC1ksFEIKMD_FKo"
    "tXvc_dJKagnh7IoNoFEtbvf8QDWW1H7sbn25EAiu_WM4ESG6T1jWQWIfeL8sUpJHWvdp8QfrvG5w3wsTU4A_fq4_nLPIucMdYYx5"
    "vEENCNgAn79_37bcww5PQjgW4vsO7pzfUzIdNFcaCw";
constexpr const char* kPyJwtEcX = "xK38fcLiBbo20Cv9TNjCjPNk8SJme4ORUQ0lYslM2EHiVGFlHwmd0Z0xabBF2W3B";
constexpr const char* kPyJwtEcY = "hzVrmO_-7NaGtpmAYV0ZXaFYSxrZS8nCcs5dBZUcfGPAMFV6ubkqbgzklQ6iPU1M";
constexpr const char* kRs384 =
    "eyJhbGciOiJSUzM4NCIsImtpZCI6InIxIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2NpLmV4YW1wbGUiLCJzdWIiOiJq"
    "b2ItNyIsImF1ZCI6ImJ1aWxkIiwiZXhwIjoxNzkwMDAwNjAwfQ.JQtVUb8nVU70FWrJcQxzfFQPG_9ky6JVE3ackzPUc0aFI026-"
    "S3kcYCLAJG9hGxF-4KhVh50UlJOGTrQ8w5ZugVbyzTt3XZ6Rl_G-kiUJZoUrkyXKEN1cNqOvF8L4pMG0Abq-bliPFKU-O-uJIZ16"
    "_As311evBCGvd7GlM0Bi1g1_KyuRtybtac13HWPrenyUsu25wyA1Y_AnYA0TyY0YU_GAf-eOnI8jboF50E5SgQo_pI_OM9f0cJCE"
    "aAaD_W-xzC8Ah2BkqfaaMUQc8q359aDvbLwVmqHya4Maks3nM5lqD38_DWcpWoyYXzr1qA3j0qBTmbZ-ELgs392lgSM3w";
constexpr const char* kRs512 =
    "eyJhbGciOiJSUzUxMiIsImtpZCI6InIxIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2NpLmV4YW1wbGUiLCJzdWIiOiJq"
    "b2ItNyIsImF1ZCI6ImJ1aWxkIiwiZXhwIjoxNzkwMDAwNjAwfQ.jLOqy0fkVa1wVYmSaOxKVpp1zOvOHzaDuDjsjCv0gJaEwHWzO"
    "LKzFL93fQpJPZ2H1bApLQTycwjUWalOT6KE3DDwFFbZePkHhnukaa_1l0McgjjbSzSiyDlTJIbVZbRVJtcQrhXKZI8aLsq1uZiLR"
    "HtwTfh6cKrj8VI-yHXMauNOapUwkFK-MncXwyhEri0myuIR-2Gu4O19Gr7OGMuabdO5X7C6Dt8R0e30nww3yb8WtmlxkymQVzoTr"
    "me-q2NPhMxjbyd2lUHiBGCG0RGAX4P9eVc_kRORD8gT60UN6ghQTMe1H7dzO79D2GI86Ga9lhjJ2lCt572XrZKP1J8kYg";
constexpr const char* kPs256 =
    "eyJhbGciOiJQUzI1NiIsImtpZCI6InIxIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2NpLmV4YW1wbGUiLCJzdWIiOiJq"
    "b2ItNyIsImF1ZCI6ImJ1aWxkIiwiZXhwIjoxNzkwMDAwNjAwfQ.dirIG4XqQhP7urce3Ds0GsRsz0QOnB38KeRmZuGMU1IYlnqew"
    "KY9jAaudQhQEMRYgYfzGa3zofExreb3MrdWFdJmijlWrbD4R0ZtSE9yNxspY1qc3ipYYMJT_yBkAY1wMF_nGF-sT09KAbqLKJWdq"
    "1Et9JMKgvZpj5p-0A8orOT-1rd57L9GGVLSshbUQsvnkWAsLqeIJuJvPib98KSG9ljLo1DXM3HoVqxaFwIGJSwuM9EU8yc-m1YHB"
    "9DWw__MYPbHqip0rRVmMTzRSRg0EuGL3QTaFS3g_tslQDzF85ab-p3kQz5m2BLvUK4FK3ak_gVQBso4oxG2dwi2P3DLpw";
constexpr const char* kPs384 =
    "eyJhbGciOiJQUzM4NCIsImtpZCI6InIxIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2NpLmV4YW1wbGUiLCJzdWIiOiJq"
    "b2ItNyIsImF1ZCI6ImJ1aWxkIiwiZXhwIjoxNzkwMDAwNjAwfQ.IXrh4ZRCCUPuHkd4RzzNnkxPVtM1CTf9FhAOou_uNXmcjgK1u"
    "sK7gyITT7NoIPzsKeiYveaEF9aDK1uYus9jOUXX1WloZsPOn2j1cCnteES1rr611pkVH2_bhzBluxybY3bclcMNrGkMPFElYwErQ"
    "1LgHVJVqyTFDWrtMRJSxgZw5QZAv8ZmbGg-yoS84Mx9uRXYakfCofh0FtJvVFtiW4M-9Us2e9y5kJJQ2S-a0YA4eB5M9GZStGhkL"
    "v7OPqLv3amzD0h19caLgPqhnAElaFEBD4-_zg-OSwRuVn5UaTThaUNg8OEBPQTosOAtEnPlp9e5upY1H27aoFLENJdfpg";
constexpr const char* kPs512 =
    "eyJhbGciOiJQUzUxMiIsImtpZCI6InIxIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2NpLmV4YW1wbGUiLCJzdWIiOiJq"
    "b2ItNyIsImF1ZCI6ImJ1aWxkIiwiZXhwIjoxNzkwMDAwNjAwfQ.T43fQkoVfElp4pFsg6qdQuYDXhEWABiDv4FTr0nRe4VkzoqIa"
    "Q_UgE11c-36dIhp6Pr2LAvPVVNkV8Z7EoF5uQkn3HRDEqKPzAY9QwlPfnix8JmrLlrcAFPFnMFvD0dFppZUIwK1765nFlAYWMSyV"
    "KO-L4NdFJD75HwbFbj1hByX5QY_uRdh_NFidRxGZUcTHTR7FCNTHhmgFWqSwYnAy1py5znzBImVxvQK-17VAi6NK8tTkGSWHaOuj"
    "61So0sIDdPTX0JwVrGPjV32WsWn5X-03iBkI4hWWBl261sld9UJXc3K50M9WLj4ocx_Qir6IFyhbykpAShqIZjaZKOrpw";
constexpr const char* kEs384 =
    "eyJhbGciOiJFUzM4NCIsImtpZCI6ImUxIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2NpLmV4YW1wbGUiLCJzdWIiOiJq"
    "b2ItNyIsImF1ZCI6ImJ1aWxkIiwiZXhwIjoxNzkwMDAwNjAwfQ.sGA5y9Ai4dSDjenMekLoHns__oRQokpuRLEvPcQ1bHXL4dt2b"
    "ZqzB3bLU9FISrI2kUTeXeUh2nTr7ZuhWYfHM-xbKEwmfHpCyG7uNbQnEYRs4TIxur5PRANVaNp-gIlR";

WebKey key_of(const std::string& jwk) {
    auto key = WebKey::read(read_strict_object(jwk, 4));
    if (!key) throw std::runtime_error("no key");
    return std::move(*key);
}

bool is_taken(const std::string& jwk) {
    return WebKey::read(read_strict_object(jwk, 4)).has_value();
}

/// `key` with another member.
std::string with(std::string key, const std::string& member) {
    key.pop_back();
    return key + "," + member + "}";
}

bool verifies(const std::string& jwk, JwsAlgorithm algorithm, const std::string& message,
              const std::string& signature) {
    return key_of(jwk).verifies(algorithm, message, secrets::from_base64url(signature).value());
}

std::string reason(const std::string& token) {
    try {
        static_cast<void>(Jwt::parse(token));
    } catch (const BadToken& error) {
        return error.what();
    }
    return "taken";
}

std::string encoded(std::string_view text) {
    return secrets::to_base64url(as_bytes(text));
}

// ---- signatures
// -------------------------------------------------------------------------------------------------

TEST(WebKeys, TheVectorsOfTheStandards) {
    EXPECT_TRUE(verifies(kRfcRsa, JwsAlgorithm::rs256, std::string("eyJhbGciOiJSUzI1NiJ9.") + kRfcClaims,
                         kRfcRsaSignature));
    EXPECT_TRUE(verifies(kRfcEc, JwsAlgorithm::es256, std::string("eyJhbGciOiJFUzI1NiJ9.") + kRfcClaims,
                         kRfcEcSignature));
    EXPECT_TRUE(verifies(
        kRfcEc521, JwsAlgorithm::es512, "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA",
        "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSw"
        "FKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"));
    EXPECT_TRUE(
        verifies(kRfcEd25519, JwsAlgorithm::eddsa, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
                 "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"));
}

TEST(WebKeys, OneBitMakesTheDifference) {
    const auto message = std::string("eyJhbGciOiJSUzI1NiJ9.") + kRfcClaims;
    auto signature = secrets::from_base64url(kRfcRsaSignature).value();
    const auto key = key_of(kRfcRsa);
    ASSERT_TRUE(key.verifies(JwsAlgorithm::rs256, message, signature));
    signature[100] ^= 1U;
    EXPECT_FALSE(key.verifies(JwsAlgorithm::rs256, message, signature));
    signature[100] ^= 1U;
    EXPECT_FALSE(key.verifies(JwsAlgorithm::rs256, message + "A", signature));
    signature.pop_back();
    EXPECT_FALSE(key.verifies(JwsAlgorithm::rs256, message, signature));
    auto both = secrets::from_base64url(kRfcEcSignature).value();
    const auto ec = key_of(kRfcEc);
    const auto ec_message = std::string("eyJhbGciOiJFUzI1NiJ9.") + kRfcClaims;
    ASSERT_TRUE(ec.verifies(JwsAlgorithm::es256, ec_message, both));
    both.push_back(0);
    EXPECT_FALSE(ec.verifies(JwsAlgorithm::es256, ec_message, both));
    EXPECT_FALSE(ec.verifies(JwsAlgorithm::es256, ec_message, Bytes(64)));
    EXPECT_FALSE(ec.verifies(JwsAlgorithm::es256, ec_message, {}));
}

TEST(WebKeys, WhatAnotherLibraryMade) {
    const std::string rsa =
        std::string(R"({"kty":"RSA","kid":"r1","e":"AQAB","n":")") + kPyJwtRsaModulus + "\"}";
    for (const auto* token : {kRs384, kRs512, kPs256, kPs384, kPs512}) {
        const auto jwt = Jwt::parse(token);
        EXPECT_EQ(jwt.key_id(), "r1");
        EXPECT_TRUE(jwt.is_signed_by(key_of(rsa))) << token;
        EXPECT_FALSE(jwt.is_signed_by(key_of(kRfcRsa))) << token;
    }
    const std::string ec =
        std::string(R"({"kty":"EC","crv":"P-384","x":")") + kPyJwtEcX + R"(","y":")" + kPyJwtEcY + "\"}";
    EXPECT_TRUE(Jwt::parse(kEs384).is_signed_by(key_of(ec)));
}

// RFC 8725, section 3.1: the algorithm must fit the key, and the key's own `alg`.
TEST(WebKeys, AnAlgorithmThatDoesNotSuitTheKey) {
    const auto message = std::string("eyJhbGciOiJSUzI1NiJ9.") + kRfcClaims;
    const auto signature = secrets::from_base64url(kRfcRsaSignature).value();
    const auto said = key_of(with(kRfcRsa, R"("alg":"RS256")"));
    EXPECT_TRUE(said.verifies(JwsAlgorithm::rs256, message, signature));
    const auto other = key_of(with(kRfcRsa, R"("alg":"PS256")"));
    EXPECT_FALSE(other.verifies(JwsAlgorithm::rs256, message, signature));
    EXPECT_FALSE(key_of(kRfcRsa).suits(JwsAlgorithm::es256));
    EXPECT_FALSE(key_of(kRfcEc).suits(JwsAlgorithm::es384));
    EXPECT_FALSE(key_of(kRfcEc).suits(JwsAlgorithm::eddsa));
    EXPECT_FALSE(key_of(kRfcEd25519).suits(JwsAlgorithm::es256));
}

// ---- keys
// -------------------------------------------------------------------------------------------------------

TEST(WebKeys, KeysThatAreIgnored) {
    EXPECT_FALSE(is_taken(
        R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})"));
    EXPECT_FALSE(is_taken(R"({"kty":"PQ","pub":"AAAA"})"));
    EXPECT_FALSE(is_taken(R"({"crv":"P-256"})"));
    EXPECT_FALSE(is_taken(with(kRfcRsa, R"("use":"enc")")));
    EXPECT_FALSE(is_taken(with(kRfcRsa, R"("key_ops":["encrypt"])")));
    EXPECT_FALSE(is_taken(with(kRfcRsa, R"("alg":"HS256")")));
    EXPECT_FALSE(is_taken(with(kRfcRsa, R"("alg":"ES256")")));
    EXPECT_TRUE(is_taken(with(kRfcRsa, R"("use":"sig","key_ops":["verify"])")));
    // 1,024 bits; an exponent that is even, one, or long.
    EXPECT_FALSE(is_taken(R"({"kty":"RSA","e":"AQAB","n":"w)" + std::string(170, 'A') + "B\"}"));
    for (const auto* exponent : {"AQAA", "AQ", "AQAAAAAB", ""}) {
        std::string key = kRfcRsa;
        key.replace(key.find("AQAB"), 4, exponent);
        EXPECT_FALSE(is_taken(key)) << exponent;
    }
    // Not on the curve; coordinates that are short of the field (RFC 7518, section 6.2.1.2); another curve's
    // size.
    std::string off = kRfcEc;
    off.replace(off.find("f83O"), 4, "f83P");
    EXPECT_FALSE(is_taken(off));
    std::string cut = kRfcEc;
    cut.replace(cut.find("f83O"), 4, "");
    EXPECT_FALSE(is_taken(cut));
    std::string renamed = kRfcEc;
    renamed.replace(renamed.find("P-256"), 5, "P-384");
    EXPECT_FALSE(is_taken(renamed));
    EXPECT_FALSE(
        is_taken(R"({"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})"));
    EXPECT_FALSE(
        is_taken(R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ"})"));
}

TEST(WebKeySets, TheKeyThatATokenNames) {
    const auto named = [](const char* key, const std::string& id) {
        return with(key, R"("kid":")" + id + "\"");
    };
    const auto set = WebKeySet::read(R"({"keys":[)" + named(kRfcRsa, "a") + "," + named(kRfcEc, "b") + "," +
                                     named(kRfcEd25519, "b") + R"(,{"kty":"oct","k":"AAAA"}]})");
    EXPECT_EQ(set.size(), 3U);
    EXPECT_EQ(set.ignored(), 1U);
    ASSERT_NE(set.find("a", JwsAlgorithm::rs256), nullptr);
    EXPECT_EQ(set.find("a", JwsAlgorithm::es256), nullptr);
    EXPECT_EQ(set.find("c", JwsAlgorithm::rs256), nullptr);
    EXPECT_NE(set.find("b", JwsAlgorithm::es256), set.find("b", JwsAlgorithm::eddsa));
    // Without a name: when only one suits.
    EXPECT_EQ(set.find("", JwsAlgorithm::rs256), set.find("a", JwsAlgorithm::rs256));
    const auto two = WebKeySet::read(R"({"keys":[)" + named(kRfcRsa, "a") + "," + named(kRfcRsa, "b") + "]}");
    EXPECT_EQ(two.find("", JwsAlgorithm::rs256), nullptr);
    EXPECT_NE(two.find("b", JwsAlgorithm::rs256), nullptr);
}

TEST(WebKeySets, DocumentsThatAreRefused) {
    const auto why = [](const std::string& text) -> std::string {
        try {
            static_cast<void>(WebKeySet::read(text));
        } catch (const BadJson& error) {
            return error.what();
        }
        return "taken";
    };
    EXPECT_THAT(why("[]"), HasSubstr("no JSON object"));
    EXPECT_THAT(why("{"), HasSubstr("no JSON text"));
    EXPECT_THAT(why("{}"), HasSubstr("no list 'keys'"));
    EXPECT_THAT(why(R"({"keys":[]})"), HasSubstr("no key that signatures can be verified with"));
    EXPECT_THAT(why(R"({"keys":[],"keys":[]})"), HasSubstr("comes twice"));
    EXPECT_THAT(
        why(R"({"keys":[)" + with(kRfcEc, R"("d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI")") + "]}"),
        HasSubstr("private part"));
    std::string many = R"({"keys":[)";
    for (int i = 0; i < 101; ++i) many += std::string(i == 0 ? "" : ",") + kRfcEd25519;
    EXPECT_THAT(why(many + "]}"), HasSubstr("it has 101 keys; a JWK Set may have 100"));
    EXPECT_THAT(why(std::string(256 * 1024 + 1, ' ')), HasSubstr("a JWK Set may have 262144"));
}

// ---- tokens
// -----------------------------------------------------------------------------------------------------

TEST(Base64Url, OneTextForOneSequence) {
    // RFC 4648, section 10, without padding.
    EXPECT_EQ(decode_base64url("")->size(), 0U);
    EXPECT_EQ(decode_base64url("Zg")->text(), "f");
    EXPECT_EQ(decode_base64url("Zm8")->text(), "fo");
    EXPECT_EQ(decode_base64url("Zm9v")->text(), "foo");
    EXPECT_EQ(decode_base64url("Zm9vYmFy")->text(), "foobar");
    // RFC 7515, appendix C.
    EXPECT_EQ(to_hex(decode_base64url("A-z_4ME")->view()), "03ecffe0c1");
    for (const auto* text : {"Zg==", "Zh", "Zm9", "Z", "Zm9vY", "Zm 8", "Zm8\n", "+/+/", "A+z/4ME"}) {
        EXPECT_FALSE(decode_base64url(text)) << text;
    }
}

TEST(Jwts, WhatIsTaken) {
    const TokenMaker maker;
    const auto jwt = Jwt::parse(maker.token(R"({"iss":"a"})"));
    EXPECT_EQ(jwt.algorithm(), JwsAlgorithm::eddsa);
    EXPECT_EQ(jwt.key_id(), "k1");
    EXPECT_EQ(text_member(jwt.claims(), "iss"), "a");
}

TEST(Jwts, WhatIsRefused) {
    const TokenMaker maker;
    const auto none = encoded(R"({"alg":"none"})") + "." + encoded(R"({"iss":"a"})") + ".";
    EXPECT_THAT(reason(none), HasSubstr("signature algorithm is not taken"));
    // RFC 7515, appendix A.1: HS256.
    EXPECT_THAT(reason(std::string("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.") + kRfcClaims +
                       ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
                HasSubstr("signature algorithm is not taken"));
    EXPECT_THAT(reason(maker.token(R"({"kid":"k1"})", "{}")), HasSubstr("signature algorithm is not taken"));
    EXPECT_THAT(reason(maker.token(R"({"alg":"eddsa"})", "{}")),
                HasSubstr("signature algorithm is not taken"));
    EXPECT_THAT(reason(maker.token(R"({"alg":["EdDSA"]})", "{}")), HasSubstr("'alg' is no string"));
    // RFC 7515, appendix E: a header with "crit".
    EXPECT_THAT(
        reason(maker.token("{\"alg\":\"EdDSA\",\r\n \"crit\":[\"http://example.invalid/UNDEFINED\"],\r\n "
                           "\"http://example.invalid/UNDEFINED\":true\r\n}",
                           "{}")),
        HasSubstr("must be understood"));
    EXPECT_THAT(reason(maker.token(R"({"alg":"EdDSA","alg":"EdDSA"})", "{}")), HasSubstr("comes twice"));
    EXPECT_THAT(reason(maker.token(R"({"iss":"a","iss":"b"})")), HasSubstr("comes twice"));
    EXPECT_THAT(reason(maker.token(R"({"a":{"b":1,"b":2}})")), HasSubstr("comes twice"));
    EXPECT_THAT(reason(maker.token("[]")), HasSubstr("no JSON object"));
    EXPECT_THAT(reason(maker.token("{\"iss\":\"\xC3\"}")), HasSubstr("no JSON text"));
    EXPECT_THAT(reason(maker.token(std::string(40, '[') + std::string(40, ']'))), HasSubstr("too deep"));
    EXPECT_THAT(reason(maker.token(R"({"alg":"EdDSA","kid":")" + std::string(257, 'k') + "\"}", "{}")),
                HasSubstr("key id has more than 256"));
    EXPECT_THAT(reason(maker.token(R"({"alg":"EdDSA","x":")" + std::string(4'000, 'k') + "\"}", "{}")),
                HasSubstr("header has more than 4096"));
    EXPECT_THAT(reason(maker.token(R"({"a":")" + std::string(20'000, 'k') + "\"}")),
                HasSubstr("more than 20000"));
    const auto good = maker.token("{}");
    for (const auto& text :
         {std::string("a"), std::string("a.b"), good + ".", good + "=", " " + good, good + "\n",
          good.substr(0, good.rfind('.') + 1), good.substr(1), "." + good, std::string("..")}) {
        EXPECT_NE(reason(text), "taken") << text;
    }
    // A JWE has five parts.
    EXPECT_THAT(reason(good + ".a.b"), HasSubstr("not a valid JWT"));
}

}  // namespace
}  // namespace coffer::sts
