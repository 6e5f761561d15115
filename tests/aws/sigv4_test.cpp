// Signature Version 4 against examples that AWS published. Expected values are the documentation's and the
// published test suite's.

#include <gtest/gtest.h>

#include "daemon/aws/request_refused.hpp"
#include "daemon/aws/sigv4_canonical.hpp"
#include "daemon/aws/sigv4_keys.hpp"
#include "daemon/aws/sigv4_time.hpp"
#include "daemon/aws/sigv4_verifier.hpp"

namespace coffer::aws {
namespace {

constexpr std::string_view kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr std::string_view kTime = "20150830T123600Z";
constexpr std::string_view kEmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A request with what its signature is checked for.
struct Example {
    std::string method = "GET";
    std::string path = "/";
    std::string query{};
    std::vector<std::pair<std::string, std::string>> headers{{"Host", "example.amazonaws.com"},
                                                             {"X-Amz-Date", std::string(kTime)}};
    std::string body{};
    std::string signed_headers = "host;x-amz-date";
    std::string mac{};
    SignatureScope scope{"us-east-1", "service"};

    [[nodiscard]] std::string authorization() const {
        return "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/" + scope.region + "/" + scope.service +
               "/aws4_request, SignedHeaders=" + signed_headers + ", Signature=" + mac;
    }
};

Timestamp at(std::string_view text) {
    return parse_basic_time(text).value();
}

/// Reads and compares, as a front door does, with `more` among the headers.
bool accepted_with(const Example& example, std::vector<HttpHeader> more, Timestamp now = at(kTime)) {
    for (const auto& [name, value] : example.headers) more.push_back({name, value});
    const HttpRequestView request{example.method, example.path, example.query, more, as_bytes(example.body)};
    SignatureVerifier verifier;
    const auto checked = SignatureVerifier::read(request, parse_query(example.query), example.scope, now);
    return verifier.matches(checked, as_bytes(kSecret), true);
}

bool accepted(const Example& example, Timestamp now = at(kTime)) {
    const auto authorization = example.authorization();
    return accepted_with(example, {{"Authorization", authorization}}, now);
}

/// What the refusal says: "Name: message".
template <class Call>
std::string refusal(Call call) {
    try {
        return call() ? "accepted" : "mismatch";
    } catch (const RequestRefused& refused) {
        EXPECT_EQ(refused.status(), 400U);
        return std::string(refused.name()) + ": " + refused.what();
    }
}

// ---- documentation ---------------------------------------------------------------------------------------

/// "Examples of the complete Version 4 signing process (Python)" and the page about each of its steps:
/// ListUsers.
Example list_users() {
    Example example;
    example.query = "Action=ListUsers&Version=2010-05-08";
    example.headers = {{"Host", "iam.amazonaws.com"},
                       {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
                       {"X-Amz-Date", std::string(kTime)}};
    example.signed_headers = "content-type;host;x-amz-date";
    example.mac = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
    example.scope = {"us-east-1", "iam"};
    return example;
}

TEST(SigV4Documentation, CanonicalRequestOfListUsers) {
    const auto example = list_users();
    std::vector<HttpHeader> headers;
    for (const auto& [name, value] : example.headers) headers.push_back({name, value});
    const HttpRequestView request{example.method, example.path, example.query, headers, {}};
    const std::vector<std::string> names{"content-type", "host", "x-amz-date"};
    const auto canonical = canonical_request(request, parse_query(example.query), names, sha256_hex({}));
    EXPECT_EQ(canonical,
              "GET\n/\nAction=ListUsers&Version=2010-05-08\n"
              "content-type:application/x-www-form-urlencoded; charset=utf-8\nhost:iam.amazonaws.com\n"
              "x-amz-date:20150830T123600Z\n\ncontent-type;host;x-amz-date\n" +
                  std::string(kEmptyHash));
    EXPECT_EQ(sha256_hex(as_bytes(canonical)),
              "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59");
}

TEST(SigV4Documentation, SigningKeyOfListUsers) {
    const auto key = derive_signing_key(as_bytes(kSecret), {"AKIDEXAMPLE", "20150830", "us-east-1", "iam"});
    EXPECT_EQ(to_hex(key.view()), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
}

TEST(SigV4Documentation, SignatureOfListUsers) {
    EXPECT_TRUE(accepted(list_users()));
}

// ---- the published test suite ----------------------------------------------------------------------------

TEST(SigV4Suite, Vanilla) {
    Example example;
    example.mac = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    EXPECT_TRUE(accepted(example));
    example.method = "POST";
    example.mac = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
    EXPECT_TRUE(accepted(example));
}

TEST(SigV4Suite, PathsThatAreNormalised) {
    for (const auto* path : {"/", "", "//", "/./", "/example/..", "/example1/example2/../.."}) {
        Example example;
        example.path = path;
        example.mac = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        EXPECT_TRUE(accepted(example)) << path;
    }
}

TEST(SigV4Suite, CharactersOfPaths) {
    Example example;
    example.path = "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    example.mac = "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f";
    EXPECT_TRUE(accepted(example));
    example.path = "/\xe1\x88\xb4";
    example.mac = "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85";
    EXPECT_TRUE(accepted(example));
}

TEST(SigV4Suite, QueryIsSorted) {
    Example example;
    example.query = "Param2=value2&Param1=value1";
    example.mac = "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500";
    EXPECT_TRUE(accepted(example));
}

TEST(SigV4Suite, BlanksOfHeaders) {
    Example example;
    example.headers.push_back({"My-Header1", " value1"});
    example.headers.push_back({"My-Header2", " \"a   b   c\""});
    example.signed_headers = "host;my-header1;my-header2;x-amz-date";
    example.mac = "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736";
    EXPECT_TRUE(accepted(example));
}

TEST(SigV4Suite, HeaderThatCameSeveralTimes) {
    Example example;
    for (const auto* value : {"value2", "value2", "value1"}) example.headers.push_back({"My-Header1", value});
    example.signed_headers = "host;my-header1;x-amz-date";
    example.mac = "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea";
    EXPECT_TRUE(accepted(example));
}

TEST(SigV4Suite, Body) {
    Example example;
    example.method = "POST";
    example.headers.push_back({"Content-Type", "application/x-www-form-urlencoded"});
    example.body = "Param1=value1";
    example.signed_headers = "content-type;host;x-amz-date";
    example.mac = "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a";
    EXPECT_TRUE(accepted(example));
    example.body = "Param1=value2";
    EXPECT_FALSE(accepted(example));
}

// ---- what is refused -------------------------------------------------------------------------------------

Example vanilla() {
    Example example;
    example.mac = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    return example;
}

TEST(SigV4Refusals, NoSignature) {
    EXPECT_EQ(refusal([] { return accepted_with(vanilla(), {}); }),
              "MissingAuthenticationTokenException: Missing Authentication Token");
}

TEST(SigV4Refusals, PartsThatAreMissing) {
    auto example = vanilla();
    example.headers.pop_back();
    const auto text = refusal([&] {
        return accepted_with(example, {{"Authorization", "AWS4-HMAC-SHA256 x"}});
    });
    EXPECT_TRUE(
        text.starts_with("IncompleteSignatureException: Authorization header requires 'Credential' "
                         "parameter. Authorization header "
                         "requires 'Signature' parameter. Authorization header requires 'SignedHeaders' "
                         "parameter. Authorization header "
                         "requires existence of either a 'X-Amz-Date' or a 'Date' header. "))
        << text;
}

TEST(SigV4Refusals, ForeignSchemeIsNotShown) {
    const auto text = refusal([] { return accepted_with(vanilla(), {{"Authorization", "Basic c2VjcmV0"}}); });
    EXPECT_TRUE(text.starts_with("IncompleteSignatureException: Authorization header requires")) << text;
    EXPECT_EQ(text.find("c2VjcmV0"), std::string::npos);
}

TEST(SigV4Refusals, AsymmetricAlgorithm) {
    auto authorization = vanilla().authorization();
    authorization.replace(0, std::string_view("AWS4-HMAC-SHA256").size(), "AWS4-ECDSA-P256-SHA256");
    const auto text = refusal([&] { return accepted_with(vanilla(), {{"Authorization", authorization}}); });
    EXPECT_TRUE(text.starts_with(
        "IncompleteSignatureException: Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'."))
        << text;
}

TEST(SigV4Refusals, SecondAuthorization) {
    const auto authorization = vanilla().authorization();
    const auto text = refusal([&] {
        return accepted_with(vanilla(), {{"Authorization", authorization}, {"authorization", authorization}});
    });
    EXPECT_TRUE(text.starts_with("IncompleteSignatureException: ")) << text;
}

TEST(SigV4Refusals, SecondDate) {
    auto example = vanilla();
    example.headers.push_back({"x-amz-date", std::string(kTime)});
    EXPECT_TRUE(refusal([&] { return accepted(example); }).starts_with("IncompleteSignatureException: "));
}

TEST(SigV4Refusals, Clock) {
    EXPECT_EQ(refusal([] { return accepted(vanilla(), at("20150830T124100Z")); }), "accepted");
    EXPECT_EQ(refusal([] { return accepted(vanilla(), at("20150830T123100Z")); }), "accepted");
    EXPECT_EQ(
        refusal([] { return accepted(vanilla(), at("20150830T124101Z")); }),
        "InvalidSignatureException: Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z "
        "(20150830T124101Z - 5 min.)");
    EXPECT_EQ(refusal([] { return accepted(vanilla(), at("20150830T123059Z")); }),
              "InvalidSignatureException: Signature not yet current: 20150830T123600Z is still later than "
              "20150830T123559Z (20150830T123059Z + 5 min.)");
}

TEST(SigV4Refusals, Scope) {
    auto example = vanilla();
    const auto authorization = example.authorization();
    example.scope.region = "rack-1";
    EXPECT_EQ(refusal([&] {
                  return accepted_with(example, {{"Authorization", authorization}});
              }),
              "InvalidSignatureException: Credential should be scoped to a valid region, not 'us-east-1'. "
              "Here it is "
              "'rack-1'.");
    example = vanilla();
    example.scope.service = "sts";
    EXPECT_EQ(refusal([&] {
                  return accepted_with(example, {{"Authorization", authorization}});
              }),
              "InvalidSignatureException: Credential should be scoped to correct service: 'sts'.");
}

TEST(SigV4Refusals, Credential) {
    const auto with = [](std::string_view credential) {
        const auto authorization = "AWS4-HMAC-SHA256 Credential=" + std::string(credential) +
                                   ", SignedHeaders=host;x-amz-date, Signature=" + vanilla().mac;
        return refusal([&] { return accepted_with(vanilla(), {{"Authorization", authorization}}); });
    };
    EXPECT_EQ(with("AKIDEXAMPLE"),
              "IncompleteSignatureException: Credential must have exactly 5 slash-delimited elements, e.g. "
              "keyid/date/region/service/term, got 'AKIDEXAMPLE'");
    // Id and secret in each other's places: AWS's example of a secret, which has slashes.
    EXPECT_EQ(with("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY/20150830/us-east-1/service/aws4_request"),
              "IncompleteSignatureException: Credential must have exactly 5 slash-delimited elements, e.g. "
              "keyid/date/region/service/term, got 6");
    EXPECT_EQ(
        with("AKIDEXAMPLE/20150830/us-east-1/service/aws3_request"),
        "InvalidSignatureException: Credential should be scoped with a valid terminator: 'aws4_request', not "
        "'aws3_request'.");
    EXPECT_EQ(with("AKIDEXAMPLE/20150829/us-east-1/service/aws4_request"),
              "InvalidSignatureException: Date in Credential scope does not match YYYYMMDD from ISO-8601 "
              "version of "
              "date from HTTP: '20150829' != '20150830', from '20150830T123600Z'.");
}

/// A password in any place of the header, or of the date, is not said again: messages are logged.
TEST(SigV4Refusals, WhatDoesNotBelongThereIsNotShown) {
    const std::string password = "S3CR3T-marker-\u03c0";
    const auto authorization = vanilla().authorization();
    int refused = 0;
    const auto expect_silence = [&](const std::string& header, std::string_view date) {
        auto example = vanilla();
        example.headers.back().second = date;
        const auto text = refusal([&] { return accepted_with(example, {{"Authorization", header}}); });
        EXPECT_EQ(text.find("S3CR3T"), std::string::npos) << text;
        EXPECT_NE(text, "accepted");
        ++refused;
    };
    for (const std::string_view part : {"AWS4-HMAC-SHA256", "HMAC-SHA256", "20150830", "us-east-1", "service",
                                        "aws4_request", "host", "x-amz-date"}) {
        auto header = authorization;
        header.replace(header.find(part), part.size(), password);
        expect_silence(header, kTime);
    }
    auto twice = authorization;
    twice.replace(twice.find("host;x-amz-date"), 4, password + ";" + password + ";host");
    expect_silence(twice, kTime);
    expect_silence(authorization, password);
    expect_silence(password, kTime);
    EXPECT_EQ(refused, 11);
}

TEST(SigV4Refusals, HeadersThatMustBeSigned) {
    auto example = vanilla();
    example.signed_headers = "x-amz-date";
    EXPECT_EQ(refusal([&] { return accepted(example); }),
              "InvalidSignatureException: 'Host' or ':authority' must be a 'SignedHeader' in the AWS "
              "Authorization.");
    example = vanilla();
    example.headers.push_back({"X-Amz-Target", "secretsmanager.DeleteSecret"});
    EXPECT_EQ(refusal([&] { return accepted(example); }),
              "InvalidSignatureException: There were headers present in the request which were not signed: "
              "x-amz-target");
}

TEST(SigV4Refusals, BodyHash) {
    auto example = vanilla();
    example.signed_headers = "host;x-amz-content-sha256;x-amz-date";
    example.headers.push_back({"X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"});
    EXPECT_TRUE(refusal([&] {
                    return accepted(example);
                }).starts_with("InvalidSignatureException: The payload must be signed: "));
    example.headers.back().second = std::string(64, 'a');
    EXPECT_EQ(refusal([&] { return accepted(example); }),
              "InvalidSignatureException: The provided 'x-amz-content-sha256' header does not match what was "
              "computed.");
}

TEST(SigV4Refusals, MacOfAnotherForm) {
    for (const auto& mac :
         {std::string(), std::string("5fa0"), std::string(64, '0'), std::string(65, 'f'),
          std::string("5FA00FA31553B73EBF1942676E86291E8372FF2A2260956D9B8AAE1D763FBF31")}) {
        auto example = vanilla();
        example.mac = mac;
        EXPECT_EQ(refusal([&] { return accepted(example); }), "mismatch") << mac;
    }
}

TEST(SigV4Refusals, DateOfAnotherForm) {
    for (const auto* date :
         {"2015-08-30T12:36:00Z", "20150830T1236Z", "20150230T123600Z", "20150830T246000Z", ""}) {
        auto example = vanilla();
        example.headers.back().second = date;
        EXPECT_TRUE(
            refusal([&] {
                return accepted(example);
            }).starts_with("IncompleteSignatureException: Date must be in ISO-8601 'basic format'. Got '"))
            << date;
    }
}

TEST(SigV4Refusals, PresignedParts) {
    auto example = vanilla();
    example.headers.pop_back();
    example.query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00";
    EXPECT_EQ(
        refusal([&] { return accepted_with(example, {}); }),
        "IncompleteSignatureException: AWS query-string parameters must include 'X-Amz-Credential'. AWS "
        "query-string parameters must include 'X-Amz-SignedHeaders'. AWS query-string parameters must "
        "include "
        "'X-Amz-Date'. Re-examine the query-string parameters.");
    example.query +=
        "&X-Amz-Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request&X-Amz-Date=20150830T123600Z"
        "&X-Amz-SignedHeaders=host";
    for (const auto* expires : {"", "&X-Amz-Expires=0", "&X-Amz-Expires=604801", "&X-Amz-Expires=1e3"}) {
        auto wrong = example;
        wrong.query += expires;
        EXPECT_TRUE(
            refusal([&] {
                return accepted_with(wrong, {});
            }).starts_with("IncompleteSignatureException: AWS query-string parameter 'X-Amz-Expires'"))
            << expires;
    }
    example.query += "&X-Amz-Expires=60";
    EXPECT_EQ(refusal([&] { return accepted_with(example, {}); }), "mismatch");
    EXPECT_EQ(
        refusal([&] { return accepted_with(example, {}, at("20150830T123701Z")); }),
        "InvalidSignatureException: Signature expired: 20150830T123701Z is now later than 20150830T123700Z");
    // However long it says: a quarter of an hour.
    auto longer = example;
    longer.query.replace(longer.query.find("Expires=60"), 10, "Expires=604800");
    EXPECT_EQ(refusal([&] { return accepted_with(longer, {}, at("20150830T125100Z")); }), "mismatch");
    EXPECT_EQ(
        refusal([&] { return accepted_with(longer, {}, at("20150830T125101Z")); }),
        "InvalidSignatureException: Signature expired: 20150830T125101Z is now later than 20150830T125100Z");
    const auto authorization = example.authorization();
    EXPECT_TRUE(refusal([&] {
                    return accepted_with(example, {{"Authorization", authorization}});
                }).starts_with("IncompleteSignatureException: Only one way"));
}

TEST(SigV4Refusals, BrokenQuery) {
    for (const auto* query : {"a=%", "a=%4", "%zz=1"}) {
        EXPECT_THROW((void)parse_query(query), RequestRefused) << query;
    }
}

// ---- parts -----------------------------------------------------------------------------------------------

TEST(SigV4Canonical, PlusIsItself) {
    EXPECT_EQ(canonical_query(parse_query("a=b+c")), "a=b%2Bc");
    EXPECT_EQ(canonical_query(parse_query("a=b%20c")), "a=b%20c");
}

TEST(SigV4Canonical, EncodedPathIsEncodedOnceMore) {
    EXPECT_EQ(canonical_path("/a%20b/%2e%2e/"), "/a%2520b/%252e%252e/");
}

TEST(SigV4Time, HttpDate) {
    // RFC 9110, 5.6.7: the example of the format.
    const auto time = parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT");
    ASSERT_TRUE(time);
    EXPECT_EQ(time->millis(), 784'111'777'000);
    EXPECT_EQ(http_date(*time), "Sun, 06 Nov 1994 08:49:37 GMT");
    for (const auto* text : {"Mon, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 UTC",
                             "Sunday, 06-Nov-94 08:49:37 GMT"}) {
        EXPECT_FALSE(parse_http_date(text)) << text;
    }
}

TEST(SigningKeys, KeepsTheLastUsedAndNoticesAnotherSecret) {
    SigningKeys keys(2);
    const KeyScope first{"A", "20150830", "r", "s"};
    const KeyScope second{"B", "20150830", "r", "s"};
    const KeyScope third{"C", "20150830", "r", "s"};
    const auto key = keys.get(first, as_bytes("one"));
    EXPECT_EQ(keys.get(first, as_bytes("one")), key);
    (void)keys.get(second, as_bytes("one"));
    EXPECT_EQ(keys.get(first, as_bytes("one")), key);
    (void)keys.get(third, as_bytes("one"));
    EXPECT_EQ(keys.size(), 2U);
    EXPECT_EQ(keys.get(first, as_bytes("one")), key) << "the second was the one not used for longest";
    const auto other = keys.get(first, as_bytes("two"));
    EXPECT_NE(other, key);
    EXPECT_EQ(to_hex(other->view()), to_hex(derive_signing_key(as_bytes("two"), first).view()));
    EXPECT_EQ(keys.size(), 2U);
}

}  // namespace
}  // namespace coffer::aws
