// The AWS front door over TLS: HTTP as clients speak it, signatures, errors.

#include <gtest/gtest.h>

#include <array>

#include "aws_server.hpp"

namespace coffer::testing {
namespace {

constexpr std::string_view kType = "application/x-amz-json-1.1";

TEST(AwsHttp, AnswersASignedRequest) {
    AwsServer aws;
    HttpsClient client(aws.server());
    const auto response = client.ask(aws.sign({.headers = {{"User-Agent", "aws-cli/2"}}}));
    EXPECT_EQ(error_of(response), R"(200 {"Name":"a"})");
    EXPECT_EQ(response["Content-Type"], kType);
    EXPECT_EQ(response["Date"], "Sun, 30 Aug 2015 12:36:00 GMT");
    const auto contexts = aws.seen.all();
    ASSERT_EQ(contexts.size(), 1U);
    EXPECT_EQ(response["x-amzn-RequestId"], contexts[0].request_id);
    const auto& caller = contexts[0].caller;
    EXPECT_EQ(caller.protocol, access::Protocol::aws);
    EXPECT_EQ(caller.listener, "inner");
    EXPECT_EQ(caller.source_address, "127.0.0.1");
    EXPECT_EQ(caller.access_key_id, kAccessKeyId);
    EXPECT_EQ(caller.rights->principal.arn, "arn:aws:iam::111122223333:user/bob");
    EXPECT_EQ(caller.peer->user_agent, "aws-cli/2");
    EXPECT_EQ(caller.peer->tls_version, "TLSv1.3");
    EXPECT_EQ(aws.credentials.uses(),
              std::vector<std::string>{"AKIAIOSFODNN7EXAMPLE secretsmanager eu-test-1"});
}

TEST(AwsHttp, OperationWithoutOutputHasNoBody) {
    AwsServer aws;
    HttpsClient client(aws.server());
    EXPECT_EQ(error_of(client.ask(aws.sign({.operation = "secretsmanager.TagResource"}))), "200 ");
}

TEST(AwsHttp, ErrorsOfOperations) {
    AwsServer aws;
    HttpsClient client(aws.server());
    EXPECT_EQ(error_of(client.ask(aws.sign({.body = R"({"SecretId":"missing"})"}))),
              R"(400 {"__type":"ResourceNotFoundException","Message":)"
              R"("Secrets Manager can't find the specified secret."})");
    EXPECT_EQ(error_of(client.ask(aws.sign({.body = R"({"SecretId":"throw"})"}))),
              R"(500 {"__type":"InternalServiceError","Message":"An error occurred on the server side."})");
    EXPECT_EQ(error_of(client.ask(aws.sign({.body = "[]"}))),
              R"(400 {"__type":"SerializationException","message":"The body must be one JSON object"})");
    EXPECT_EQ(client.ask(aws.sign({})).result_int(), 200U) << "the connection has gone on";
}

TEST(AwsHttp, Tls12AndClientCertificates) {
    AwsServer aws;
    HttpsClient old(aws.server(), {.tls_version_max = TLS1_2_VERSION});
    EXPECT_EQ(old.tls_version(), "TLSv1.2");
    EXPECT_EQ(old.ask(aws.sign({})).result_int(), 200U);
    HttpsClient known(aws.server(), {.identity = &aws.server().alice});
    EXPECT_EQ(known.ask(aws.sign({})).result_int(), 200U);
    EXPECT_EQ(aws.seen.all().back().caller.peer->certificate_sha256.size(), 64U);
    EXPECT_FALSE(aws.seen.all().back().caller.certificate) << "the signature says who it is";
    TestCa foreign{"foreign CA"};
    CertificateSpec spec;
    spec.common_names = {"mallory"};
    const auto mallory = foreign.issue(spec);
    EXPECT_THROW(
        {
            HttpsClient client(aws.server(), {.identity = &mallory});
            (void)client.ask(aws.sign({}));
        },
        boost::system::system_error);
    EXPECT_THROW(HttpsClient(aws.server(), {.tls_version_max = TLS1_1_VERSION}), boost::system::system_error);
}

// As over the native protocol: a certificate that is not asked for must be good all the same when it is sent.
TEST(AwsHttp, ARevocationEndsTheConnectionsWhoseHandshakeIsUnderWay) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        SCOPED_TRACE(version);
        TestServerOptions with_list;
        with_list.with_crl = true;
        AwsServer aws(with_list);
        auto options = aws.server().client();
        options.max_version = version;
        options.withheld = Withheld::flight;
        TestClient client(options);
        EXPECT_TRUE(aws.server().revoke({aws.server().alice.certificate.get()}));
        client.release();
        client.send_bytes(aws.sign({}));
        std::array<char, 1> byte{};
        EXPECT_LE(SSL_read(client.ssl(), byte.data(), 1), 0);
        EXPECT_TRUE(aws.seen.all().empty());
        EXPECT_EQ(aws.server().turned_away.all(),
                  std::vector<std::string>{"connection certificate_revoked "});
    }
}

// ---- signatures ------------------------------------------------------------------------------------------

TEST(AwsHttp, RefusedSignatures) {
    AwsServer aws;
    HttpsClient client(aws.server());
    const auto ask = [&](const ClientRequest& request) { return error_of(client.ask(aws.sign(request))); };
    const std::string mismatch =
        R"(400 {"__type":"InvalidSignatureException","message":"The request signature we calculated does not match the )"
        R"(signature you provided. Check your AWS Secret Access Key and signing method. Consult the service )"
        R"(documentation for details."})";
    const std::string unknown =
        R"(400 {"__type":"UnrecognizedClientException","message":"The security token included in the request is )"
        R"(invalid."})";
    EXPECT_EQ(ask({.secret = "another"}), mismatch);
    EXPECT_EQ(ask({.other_body = R"({"SecretId":"b"})"}), mismatch);
    EXPECT_EQ(ask({.access_key_id = "AKIAI44QH8DHBEXAMPLE"}), unknown);
    EXPECT_EQ(ask({.access_key_id = "AKIAI44QH8DHBEXAMPLE", .secret = "made up"}), unknown);
    EXPECT_EQ(ask({.token = "nonsense"}), unknown);
    EXPECT_EQ(ask({.access_key_id = "AKIA-\xc3\xa9"}), unknown);
    EXPECT_EQ(ask({.access_key_id = std::string(129, 'A')}), unknown);
    EXPECT_EQ(
        ask({.region = "us-east-1"}),
        R"(400 {"__type":"InvalidSignatureException","message":"Credential should be scoped to a valid region, )"
        R"(not 'us-east-1'. Here it is 'eu-test-1'."})");
    EXPECT_EQ(
        ask({.service = "sts"}),
        R"(400 {"__type":"InvalidSignatureException","message":"Credential should be scoped to correct )"
        R"(service: 'secretsmanager'."})");
    EXPECT_EQ(
        error_of(client.ask("POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: secretsmanager.ListSecrets\r\n"
                            "Content-Length: 2\r\n\r\n{}")),
        R"(400 {"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"})");
    EXPECT_TRUE(aws.seen.all().empty());
    EXPECT_TRUE(aws.credentials.uses().empty());
    EXPECT_NE(aws.server().metrics().find(
                  R"(coffer_requests_refused_total{error="InvalidSignatureException",listener="inner"} 4)"),
              std::string::npos);
}

TEST(AwsHttp, RefusalsNameTheKeyAndTheCauseToOperatorsAlone) {
    AwsServer aws;
    HttpsClient client(aws.server());
    const auto ask = [&](const ClientRequest& request) { return error_of(client.ask(aws.sign(request))); };
    const auto unknown = ask({.access_key_id = "AKIAI44QH8DHBEXAMPLE"});
    EXPECT_EQ(ask({.access_key_id = std::string(testing::kInactiveKeyId)}), unknown);
    EXPECT_EQ(ask({.token = "nonsense"}), unknown);
    EXPECT_EQ(ask({.access_key_id = "AKIA-\xc3\xa9"}), unknown);
    static_cast<void>(ask({.secret = "another"}));
    static_cast<void>(ask({.region = "us-east-1"}));
    EXPECT_EQ(
        aws.server().turned_away.causes(),
        (std::vector<std::string>{
            "no_such_key key  unknown AKIAI44QH8DHBEXAMPLE", "inactive_key key AKIAINACTIVE7EXAMPLE unknown ",
            "wrong_token key AKIAIOSFODNN7EXAMPLE unknown ", "no_access_key_id key  unknown ",
            "wrong_signature key AKIAIOSFODNN7EXAMPLE unknown ", "wrong_region key  unknown "}));
}

TEST(AwsHttp, SessionTokens) {
    AwsServer aws;
    aws.credentials.set_token("good", iam::CredentialState::good);
    aws.credentials.set_token("old", iam::CredentialState::expired);
    HttpsClient client(aws.server());
    EXPECT_EQ(client.ask(aws.sign({.token = "good"})).result_int(), 200U);
    EXPECT_EQ(
        error_of(client.ask(aws.sign({.token = "old"}))),
        R"(400 {"__type":"ExpiredTokenException","message":"The security token included in the request is expired"})");
}

TEST(AwsHttp, ReplayIsRefusedAfterTheSkewWindow) {
    AwsServer aws;
    HttpsClient client(aws.server());
    const auto bytes = aws.sign({});
    EXPECT_EQ(client.ask(bytes).result_int(), 200U);
    aws.clock.move(std::chrono::minutes(5));
    EXPECT_EQ(client.ask(bytes).result_int(), 200U);
    aws.clock.move(std::chrono::minutes(15));
    EXPECT_EQ(
        error_of(client.ask(bytes)),
        R"(400 {"__type":"InvalidSignatureException","message":"Signature expired: 20150830T123600Z is now earlier )"
        R"x(than 20150830T125100Z (20150830T125600Z - 5 min.)"})x");
}

TEST(AwsHttp, BackendsThatAreAway) {
    AwsServer aws;
    aws.credentials.set_away(true);
    HttpsClient client(aws.server());
    EXPECT_EQ(client.ask(aws.sign({})).result_int(), 503U);
    aws.credentials.set_away(false);
    EXPECT_EQ(client.ask(aws.sign({})).result_int(), 200U);
}

// ---- STS -------------------------------------------------------------------------------------------------

TEST(AwsHttp, StsAnswersInXml) {
    AwsServer aws;
    HttpsClient client(aws.server());
    const auto response = client.ask(aws.sign(sts_request()));
    EXPECT_EQ(response.result_int(), 200U);
    EXPECT_EQ(response["Content-Type"], "text/xml");
    EXPECT_NE(response.body().find("<GetCallerIdentityResult><Account>111122223333</Account>"),
              std::string::npos)
        << response.body();
    EXPECT_EQ(aws.credentials.uses(), std::vector<std::string>{"AKIAIOSFODNN7EXAMPLE sts eu-test-1"});
    // As a GET, which presigned requests are.
    auto get = sts_request();
    get.method = "GET";
    get.target = "/?" + get.body;
    get.body = "";
    EXPECT_EQ(client.ask(aws.sign(get)).result_int(), 200U);
}

TEST(AwsHttp, StsRefusals) {
    AwsServer aws;
    HttpsClient client(aws.server());
    auto request = sts_request();
    request.secret = "another";
    auto response = client.ask(aws.sign(request));
    EXPECT_EQ(response.result_int(), 403U);
    EXPECT_NE(response.body().find("<Code>SignatureDoesNotMatch</Code>"), std::string::npos)
        << response.body();
    request = sts_request();
    request.service = "secretsmanager";
    EXPECT_EQ(client.ask(aws.sign(request)).result_int(), 403U);
    request = sts_request();
    request.body = "Action=GetFederationToken&Version=2011-06-15";
    response = client.ask(aws.sign(request));
    EXPECT_EQ(response.result_int(), 400U);
    EXPECT_NE(response.body().find("<Code>InvalidAction</Code>"), std::string::npos) << response.body();
    // Fifteen minutes, where Secrets Manager has five.
    const auto bytes = aws.sign(sts_request());
    aws.clock.move(std::chrono::minutes(15));
    EXPECT_EQ(client.ask(bytes).result_int(), 200U);
    aws.clock.move(std::chrono::seconds(1));
    EXPECT_EQ(client.ask(bytes).result_int(), 403U);
}

// ---- requests without a signature ------------------------------------------------------------------------

TEST(AwsHttp, AWebIdentityNeedsNoSignature) {
    AwsServer aws;
    HttpsClient client(aws.server());
    const auto response = client.ask(unsigned_request(web_identity("good")));
    EXPECT_EQ(response.result_int(), 200U);
    EXPECT_NE(response.body().find("<AssumeRoleWithWebIdentityResult><Audience>build</Audience>"),
              std::string::npos)
        << response.body();
    EXPECT_EQ(client.ask("GET /?" + web_identity("good") + " HTTP/1.1\r\nHost: x\r\n\r\n").result_int(),
              200U);
    const auto contexts = aws.seen.all();
    ASSERT_EQ(contexts.size(), 2U);
    for (const auto& context : contexts) {
        EXPECT_FALSE(context.caller.rights);
        EXPECT_EQ(context.caller.access_key_id, "");
        EXPECT_EQ(context.caller.source_address, "127.0.0.1");
    }
    EXPECT_TRUE(aws.credentials.uses().empty());
}

// AWS, STS API reference: AssumeRoleWithWebIdentity, "Errors".
TEST(AwsHttp, ErrorsOfWebIdentitiesHaveStssNamesAndStatuses) {
    AwsServer aws;
    HttpsClient client(aws.server());
    const auto error = [&](const std::string& token) {
        const auto response = client.ask(unsigned_request(web_identity(token)));
        const auto& body = response.body();
        const auto from = body.find("<Code>") + 6;
        return std::to_string(response.result_int()) + " " + body.substr(from, body.find("</Code>") - from);
    };
    EXPECT_EQ(error("EXPIRED_TOKEN"), "400 ExpiredTokenException");
    EXPECT_EQ(error("INVALID_IDENTITY_TOKEN"), "400 InvalidIdentityToken");
    EXPECT_EQ(error("IDP_REJECTED_CLAIM"), "403 IDPRejectedClaim");
    EXPECT_EQ(error("IDP_COMMUNICATION_ERROR"), "400 IDPCommunicationError");
    EXPECT_EQ(error("PACKED_POLICY_TOO_LARGE"), "400 PackedPolicyTooLarge");
    EXPECT_EQ(error("MALFORMED_POLICY"), "400 MalformedPolicyDocument");
    EXPECT_EQ(error("ACCESS_DENIED"), "403 AccessDenied");
    EXPECT_EQ(error("VALIDATION"), "400 ValidationError");
}

TEST(AwsHttp, OnlyAWebIdentityNeedsNone) {
    AwsServer aws;
    HttpsClient client(aws.server());
    const auto code = [&](const std::string& bytes) {
        const auto body = client.ask(bytes).body();
        const auto from = body.find("<Code>") + 6;
        return body.substr(from, body.find("</Code>") - from);
    };
    EXPECT_EQ(code(unsigned_request("Action=GetCallerIdentity&Version=2011-06-15")),
              "MissingAuthenticationToken");
    EXPECT_EQ(code(unsigned_request("Action=AssumeRole&Version=2011-06-15&WebIdentityToken=good")),
              "MissingAuthenticationToken");
    EXPECT_EQ(code(unsigned_request("Action=AssumeRoleWithWebIdentity&WebIdentityToken=good")),
              "InvalidAction");
    // A signature that is there must be good.
    EXPECT_EQ(code(unsigned_request(web_identity("good"), "Authorization: AWS4-HMAC-SHA256 x\r\n")),
              "IncompleteSignature");
    EXPECT_EQ(code(unsigned_request(web_identity("good"), "Authorization:\r\n")),
              "MissingAuthenticationToken");
    EXPECT_TRUE(aws.seen.all().empty());
    auto request = sts_request();
    request.body = web_identity("good");
    EXPECT_EQ(client.ask(aws.sign(request)).result_int(), 200U);
    EXPECT_EQ(aws.seen.all().at(0).caller.access_key_id, kAccessKeyId);
}

// ---- HTTP ------------------------------------------------------------------------------------------------

TEST(AwsHttp, UnknownOperationsAndPaths) {
    AwsServer aws;
    HttpsClient client(aws.server());
    for (const auto* operation :
         {"", "TrentService.Decrypt", "secretsmanager.Nothing", "secretsmanager.CreateUser"}) {
        const auto response = client.ask(aws.sign({.operation = operation}));
        EXPECT_EQ(response.result_int(), 400U);
        EXPECT_NE(response.body().find("UnknownOperationException"), std::string::npos);
    }
    EXPECT_EQ(client.ask(aws.sign({.target = "/other"})).result_int(), 404U);
    EXPECT_EQ(client.ask(aws.sign({.target = "/%2e"})).result_int(), 404U);
    EXPECT_EQ(client.ask(aws.sign({.method = "PUT"})).result_int(), 404U);
    EXPECT_TRUE(aws.seen.all().empty());
}

TEST(AwsHttp, TargetsInAbsoluteForm) {
    AwsServer aws;
    HttpsClient client(aws.server());
    const auto with_target = [](std::string bytes, const std::string& target) {
        return bytes.replace(bytes.find(" / HTTP") + 1, 1, target);
    };
    // RFC 9112, 3.2.2; the host in either case, and no path for the root (RFC 9110, 4.2.3).
    for (const auto* target :
         {"https://localhost:8443/", "https://localhost:8443", "HTTPS://LOCALHOST:8443/"}) {
        EXPECT_EQ(client.ask(with_target(aws.sign({}), target)).result_int(), 200U) << target;
    }
    EXPECT_EQ(client.ask(with_target(aws.sign({}), "https://localhost:8443/other")).result_int(), 404U);
    auto form = sts_request();
    form.method = "GET";
    form.target = "/?" + std::exchange(form.body, "");
    form.headers.clear();
    auto bytes = aws.sign(form);
    bytes.replace(bytes.find(" /?") + 1, 1, "https://localhost:8443");
    EXPECT_EQ(client.ask(bytes).result_int(), 200U);
    for (const auto* target :
         {"https://other:8443/", "https://localhost:8443@other/", "https://localhost/"}) {
        HttpsClient other(aws.server());
        const auto response = other.ask(with_target(aws.sign({}), target));
        EXPECT_EQ(response.result_int(), 400U) << target;
        EXPECT_NE(response.body().find("name different hosts"), std::string::npos) << response.body();
        EXPECT_TRUE(other.is_ended());
    }
}

TEST(AwsHttp, AnEmptyLineBeforeARequestIsPassedOver) {
    AwsServer aws;
    HttpsClient client(aws.server());
    // RFC 9112, 2.2: before the first request, and behind a body.
    EXPECT_EQ(client.ask("\r\n" + aws.sign({})).result_int(), 200U);
    EXPECT_EQ(client.ask(aws.sign({}) + "\r\n").result_int(), 200U);
    EXPECT_EQ(client.ask(aws.sign({})).result_int(), 200U);
    for (const char c : "\r\n" + aws.sign({})) client.send(std::string(1, c));
    EXPECT_EQ(client.receive().result_int(), 200U);
    // One is enough for every client there is.
    EXPECT_EQ(client.ask("\r\n\r\nPOST / HTTP/1.1\r\n\r\n").result_int(), 400U);
}

TEST(AwsHttp, BodiesThatTwoReadersUnderstandDifferently) {
    AwsServer aws;
    HttpsClient client(aws.server());
    EXPECT_EQ(
        error_of(client.ask(aws.sign({.body = R"({"SecretId":"x/none","SecretId":"x/a"})"}))),
        R"(400 {"__type":"SerializationException","message":"A member comes more than once in one object of the request body"})");
    auto form = sts_request();
    form.body = "Action=GetCallerIdentity&Action=AssumeRole&Version=2011-06-15";
    const auto response = client.ask(aws.sign(form));
    EXPECT_EQ(response.result_int(), 400U);
    EXPECT_NE(response.body().find("<Code>InvalidParameterValue</Code>"), std::string::npos)
        << response.body();
    EXPECT_TRUE(aws.seen.all().empty());
}

TEST(AwsHttp, PipelinedRequestsAreAnsweredInOrder) {
    AwsServer aws;
    HttpsClient client(aws.server());
    std::string bytes;
    for (const auto* id : {"wait", "b", "big", "d"}) {
        bytes += aws.sign({.body = R"({"SecretId":")" + std::string(id) + R"("})"});
    }
    client.send(bytes);
    wait_until([&] { return aws.gate.waiting() == 1; });
    EXPECT_EQ(aws.seen.all().size(), 1U);
    aws.gate.open();
    EXPECT_NE(client.receive().body().find(R"("Name":"wait")"), std::string::npos);
    EXPECT_NE(client.receive().body().find(R"("Name":"b")"), std::string::npos);
    EXPECT_GT(client.receive().body().size(), 60'000U);
    EXPECT_NE(client.receive().body().find(R"("Name":"d")"), std::string::npos);
}

TEST(AwsHttp, BytesMayComeOneByOne) {
    AwsServer aws;
    HttpsClient client(aws.server());
    const auto bytes = aws.sign({});
    for (const char byte : bytes) client.send(std::string_view(&byte, 1));
    EXPECT_EQ(client.receive().result_int(), 200U);
}

TEST(AwsHttp, ChunkedBody) {
    AwsServer aws;
    HttpsClient client(aws.server());
    auto bytes = aws.sign({});
    const std::string length = "Content-Length: 16\r\n\r\n{\"SecretId\":\"a\"}";
    ASSERT_TRUE(bytes.ends_with(length));
    bytes.replace(bytes.size() - length.size(), length.size(),
                  "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"S\r\nd;name=x\r\necretId\":\"a\"}\r\n0\r\n"
                  "X-Amz-Target: secretsmanager.DeleteSecret\r\n\r\n");
    EXPECT_EQ(error_of(client.ask(bytes)), R"(200 {"Name":"a"})");
    EXPECT_EQ(client.ask(aws.sign({})).result_int(), 200U);
}

TEST(AwsHttp, AChunkMayHaveOneByte) {
    AwsServer aws;
    HttpsClient client(aws.server());
    auto bytes = aws.sign({});
    const std::string length = "Content-Length: 16\r\n\r\n{\"SecretId\":\"a\"}";
    ASSERT_TRUE(bytes.ends_with(length));
    bytes.resize(bytes.size() - length.size());
    bytes += "Transfer-Encoding: chunked\r\n\r\n";
    for (const char c : std::string(R"({"SecretId":"a"})")) bytes += std::string("1\r\n") + c + "\r\n";
    EXPECT_EQ(error_of(client.ask(bytes + "0\r\n\r\n")), R"(200 {"Name":"a"})");
}

TEST(AwsHttp, ExpectContinue) {
    AwsServer aws;
    HttpsClient client(aws.server());
    const auto bytes = aws.sign({.headers = {{"Expect", "100-continue"}}});
    const auto body = bytes.find("\r\n\r\n") + 4;
    client.send(std::string_view(bytes).substr(0, body));
    EXPECT_EQ(client.receive().result_int(), 100U);
    client.send(std::string_view(bytes).substr(body));
    EXPECT_EQ(client.receive().result_int(), 200U);
}

TEST(AwsHttp, Http10AndClose) {
    AwsServer aws;
    HttpsClient client(aws.server());
    auto response = client.ask(aws.sign({.headers = {{"Connection", "keep-alive"}}, .version = "HTTP/1.0"}));
    EXPECT_EQ(response.result_int(), 200U);
    EXPECT_EQ(response["Connection"], "keep-alive");
    response = client.ask(aws.sign({.version = "HTTP/1.0"}));
    EXPECT_EQ(response["Connection"], "close");
    EXPECT_TRUE(client.is_ended());
    HttpsClient other(aws.server());
    EXPECT_EQ(other.ask(aws.sign({.headers = {{"Connection", "close"}}})).result_int(), 200U);
    EXPECT_TRUE(other.is_ended());
}

TEST(AwsHttp, DrainAnswersWhatIsInFlight) {
    AwsServer aws;
    HttpsClient busy(aws.server());
    HttpsClient idle(aws.server());
    EXPECT_EQ(idle.ask(aws.sign({})).result_int(), 200U);
    busy.send(aws.sign({.body = R"({"SecretId":"wait"})"}));
    wait_until([&] { return aws.gate.waiting() == 1; });
    auto drained = aws.server().drain(std::chrono::milliseconds(30'000));
    EXPECT_TRUE(idle.is_ended());
    aws.gate.open();
    const auto response = busy.receive();
    EXPECT_EQ(response.result_int(), 200U);
    EXPECT_EQ(response["Connection"], "close");
    EXPECT_TRUE(busy.is_ended());
    drained.get();
}

}  // namespace
}  // namespace coffer::testing
