// The operations end to end, through the pipeline, a real token and a real database. Expected answers are
// AWS's: the recorded behaviour and texts, restated for this test's own names and values.

#include <gmock/gmock.h>

#include <algorithm>
#include <future>
#include <iostream>
#include <map>
#include <random>
#include <set>

#include "service_environment.hpp"

namespace coffer::secrets {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

std::string token() {
    return Uuid::random().text();
}

/// A name that no other test has.
std::string fresh(const std::string& stem) {
    return stem + "/" + Uuid::random().text().substr(0, 8);
}

class ServiceTest : public ::testing::Test {
protected:
    void TearDown() override {
        if (HasFailure())
            std::cerr << "Last inner reason of a failure: " << observer().last_internal() << "\n";
    }
    Node& node() { return Environment::get().node(); }
    TestClock& clock() { return Environment::get().clock(); }
    CountingObserver& observer() { return Environment::get().observer(); }

    template <class Request>
    auto call(const Request& request) {
        return node().call(request);
    }
    /// "ExceptionName: message" of a call that must fail.
    template <class Request>
    std::string refusal(const Request& request, const std::string& principal = "admin") {
        try {
            static_cast<void>(node().call(request, principal));
        } catch (const CallError& e) {
            return e.what();
        }
        return "no error";
    }

    /// The same, of a change that a notification has to bring to the node first.
    template <class Request>
    std::string refusal_soon(const Request& request) {
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(2);
        while (true) {
            const auto answer = refusal(request);
            if (answer != "no error" || std::chrono::steady_clock::now() > until) return answer;
        }
    }

    static v1::CreateSecretRequest create_request(const std::string& name, const std::string& value,
                                                  const std::string& client_token = token()) {
        v1::CreateSecretRequest request;
        request.set_name(name);
        request.set_client_request_token(client_token);
        if (!value.empty()) request.set_secret_string(value);
        return request;
    }
    static v1::PutSecretValueRequest put_request(const std::string& id, const std::string& value,
                                                 const std::vector<std::string>& stages = {},
                                                 const std::string& client_token = token()) {
        v1::PutSecretValueRequest request;
        request.set_secret_id(id);
        request.set_client_request_token(client_token);
        request.set_secret_string(value);
        for (const auto& stage : stages) request.add_version_stages(stage);
        return request;
    }
    std::string create(const std::string& name, const std::string& value) {
        return call(create_request(name, value)).version_id();
    }
    std::string put(const std::string& name, const std::string& value,
                    const std::vector<std::string>& stages = {}) {
        return call(put_request(name, value, stages)).version_id();
    }
    static v1::GetSecretValueRequest get_request(const std::string& id, const std::string& stage = "",
                                                 const std::string& version = "") {
        v1::GetSecretValueRequest request;
        request.set_secret_id(id);
        if (!stage.empty()) request.set_version_stage(stage);
        if (!version.empty()) request.set_version_id(version);
        return request;
    }
    std::string get(const std::string& id, const std::string& stage = "", const std::string& version = "") {
        return call(get_request(id, stage, version)).secret_string();
    }
    v1::DescribeSecretResponse describe(const std::string& id) {
        v1::DescribeSecretRequest request;
        request.set_secret_id(id);
        return call(request);
    }
    v1::DeleteSecretResponse remove(const std::string& id, bool force = false) {
        v1::DeleteSecretRequest request;
        request.set_secret_id(id);
        if (force) request.set_force_delete_without_recovery(true);
        return call(request);
    }
    std::map<std::string, std::vector<std::string>> versions(const std::string& id, bool deprecated = false) {
        v1::ListSecretVersionIdsRequest request;
        request.set_secret_id(id);
        request.set_include_deprecated(deprecated);
        std::map<std::string, std::vector<std::string>> result;
        for (const auto answer = call(request); const auto& version : answer.versions()) {
            result[version.version_id()] = {version.version_stages().begin(), version.version_stages().end()};
        }
        return result;
    }
    v1::UpdateSecretVersionStageRequest stage_request(const std::string& id, const std::string& stage,
                                                      const std::string& from, const std::string& to) {
        v1::UpdateSecretVersionStageRequest request;
        request.set_secret_id(id);
        request.set_version_stage(stage);
        if (!from.empty()) request.set_remove_from_version_id(from);
        if (!to.empty()) request.set_move_to_version_id(to);
        return request;
    }
    const std::string not_found_ =
        "ResourceNotFoundException: Secrets Manager can't find the specified secret.";
    const std::string deleted_ =
        "InvalidRequestException: You can't perform this operation on the secret because it was marked for "
        "deletion.";
};

// --- values

TEST_F(ServiceTest, ASecretWithoutAValueHasNoVersion) {
    const auto name = fresh("empty");
    const auto created = call(create_request(name, ""));
    EXPECT_FALSE(created.has_version_id());
    EXPECT_THAT(created.arn(),
                StartsWith("arn:aws:secretsmanager:eu-test-1:111122223333:secret:" + name + "-"));
    const auto described = describe(name);
    EXPECT_EQ(described.version_ids_to_stages_size(), 0);
    EXPECT_FALSE(described.has_description());
    EXPECT_FALSE(described.has_rotation_enabled());
    EXPECT_FALSE(described.has_tags());
    const std::string no_current =
        "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: "
        "AWSCURRENT";
    EXPECT_EQ(refusal(get_request(name)), no_current);

    const auto put_response = call(put_request(name, "v1"));
    EXPECT_THAT(put_response.version_stages(), ElementsAre("AWSCURRENT"));
    EXPECT_EQ(get(name), "v1");
    EXPECT_EQ(refusal(get_request(name, "AWSPREVIOUS")),
              "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging "
              "label: AWSPREVIOUS");

    v1::UpdateSecretRequest metadata;
    metadata.set_secret_id(name);
    metadata.set_description("only metadata");
    EXPECT_FALSE(call(metadata).has_version_id());
    EXPECT_EQ(versions(name, true).size(), 1U);
    EXPECT_EQ(get(name), "v1");
}

TEST_F(ServiceTest, ValuesComeBackByteForByteAndKeepTheirKind) {
    const auto name = fresh("kinds");
    v1::CreateSecretRequest request;
    request.set_name(name);
    request.set_client_request_token(token());
    const std::string binary("\x00\x01\x02\xFF", 4);
    request.set_secret_binary(binary);
    call(request);
    auto value = call(get_request(name));
    EXPECT_EQ(value.secret_binary(), binary);
    EXPECT_FALSE(value.has_secret_string());

    put(name, "now text");
    value = call(get_request(name));
    EXPECT_EQ(value.secret_string(), "now text");
    EXPECT_FALSE(value.has_secret_binary());
    value = call(get_request(name, "AWSPREVIOUS"));
    EXPECT_EQ(value.secret_binary(), binary);
}

TEST_F(ServiceTest, TextIsNeverNormalisedTrimmedOrEscaped) {
    const auto name = fresh("text");
    create(name, "first");
    for (const std::string value :
         {"M\xC3\xBCnchen", "p\x61\xCC\x81$$w", "\xE6\x97\xA5\xF0\x9F\x94\x91", "a&b<c>\"d\\e", "\\u0026",
          "tab\tnl\n", "  spaces  ", "\xEF\xBB\xBFx", "\xE2\x80\xA8"}) {
        put(name, value);
        EXPECT_EQ(get(name), value);
    }
}

TEST_F(ServiceTest, AValueHasUpTo65536Bytes) {
    const auto name = fresh("size");
    create(name, "x");
    for (const std::size_t size : {1U, 16U, 65535U, 65536U}) {
        v1::PutSecretValueRequest request;
        request.set_secret_id(name);
        request.set_client_request_token(token());
        std::string bytes(size, '\0');
        std::mt19937 random(static_cast<unsigned>(size));
        std::ranges::generate(bytes, [&] { return static_cast<char>(random()); });
        request.set_secret_binary(bytes);
        call(request);
        EXPECT_EQ(call(get_request(name)).secret_binary(), bytes) << size;
    }
    const std::string before = token();
    EXPECT_EQ(refusal(put_request(name, std::string(65537, 'a'), {}, before)),
              "ValidationException: 1 validation error detected: Value at 'secretString' failed to satisfy "
              "constraint: "
              "Member must have length less than or equal to 65536");
    // Bytes count, not characters: 32,768 two-byte characters fit, one more byte does not.
    std::string umlauts;
    for (int i = 0; i < 32768; ++i) umlauts += "\xC3\xA9";
    put(name, umlauts);
    EXPECT_EQ(get(name), umlauts);
    EXPECT_THAT(refusal(put_request(name, umlauts + "a")), StartsWith("ValidationException"));
    EXPECT_THAT(refusal(get_request(name, "", before)), StartsWith("ResourceNotFoundException"));
}

TEST_F(ServiceTest, RefusesBothValuesNeitherAndBadText) {
    const auto name = fresh("both");
    create(name, "x");
    auto both = put_request(name, "text");
    both.set_secret_binary("binary");
    EXPECT_EQ(refusal(both),
              "InvalidParameterException: You can't specify both a binary secret value and a string secret "
              "value in the same "
              "secret.");
    auto neither = put_request(name, "");
    neither.clear_secret_string();
    EXPECT_EQ(refusal(neither),
              "InvalidRequestException: You must provide either SecretString or SecretBinary.");
    EXPECT_THAT(refusal(put_request(name, "\xC3\x28")),
                ::testing::AllOf(StartsWith("ValidationException"), HasSubstr("secretString")));
    EXPECT_EQ(refusal(put_request(name, "")),
              "ValidationException: 1 validation error detected: Value at 'secretString' failed to satisfy "
              "constraint: "
              "Member must have length greater than or equal to 1");
    EXPECT_EQ(get(name), "x");
    EXPECT_EQ(versions(name, true).size(), 1U);
}

// --- names

TEST_F(ServiceTest, BadNamesAreRefusedByEveryOperation) {
    const std::string invalid =
        "ValidationException: Invalid name. Must be a valid name containing alphanumeric characters, or any "
        "of the following: "
        "-/_+=.@!";
    EXPECT_EQ(refusal(create_request("Inv Name", "s")), invalid);
    EXPECT_EQ(refusal(get_request("Inv Name")), invalid);
    EXPECT_EQ(refusal(put_request("Inv*Name", "s")), invalid);
    v1::DeleteSecretRequest remove_request;
    remove_request.set_secret_id("x]y");
    EXPECT_EQ(refusal(remove_request), invalid);
    EXPECT_THAT(refusal(create_request("", "s")),
                StartsWith("ValidationException: 1 validation error detected"));
    const std::string longest(512, 'n');
    EXPECT_EQ(refusal(create_request(longest + "n", "s")).substr(0, 19), "ValidationException");
    create(longest, "s");
    EXPECT_EQ(get(longest), "s");
    remove(longest, true);
}

TEST_F(ServiceTest, ASecretIsNamedByNameArnOrArnWithoutSuffix) {
    const std::string prefix = "arn:aws:secretsmanager:eu-test-1:111122223333:secret:";
    const auto stem = fresh("arn");
    for (const std::string& name : {stem, stem + "/_+=.@-Name-a1b2", stem + "/_+=.@-Name-a1b2c3-"}) {
        const auto arn = call(create_request(name, "value of " + name)).arn();
        EXPECT_EQ(get(name), "value of " + name);
        EXPECT_EQ(get(arn), "value of " + name);
        EXPECT_EQ(get(prefix + name), "value of " + name);
        EXPECT_EQ(describe(prefix + name).arn(), arn);
    }
    const std::string odd = stem + "/Odd-a1b2c3";
    const auto odd_arn = call(create_request(odd, "odd")).arn();
    EXPECT_EQ(get(odd), "odd");
    EXPECT_EQ(get(odd_arn), "odd");
    EXPECT_EQ(refusal(get_request(prefix + odd)), not_found_);
    EXPECT_EQ(
        refusal(get_request(odd_arn.substr(0, odd_arn.size() - 1) + (odd_arn.back() == 'A' ? "B" : "A"))),
        not_found_);
}

// --- idempotency

TEST_F(ServiceTest, ARepeatedCreateIsAnsweredTheSame) {
    const auto name = fresh("again");
    const auto client_token = token();
    const auto first = call(create_request(name, "Hello", client_token));
    EXPECT_EQ(first.version_id(), client_token);
    const auto second = call(create_request(name, "Hello", client_token));
    EXPECT_EQ(second.SerializeAsString(), first.SerializeAsString());
    EXPECT_EQ(versions(name, true).size(), 1U);
    EXPECT_EQ(refusal(create_request(name, "Hi", client_token)),
              "ResourceExistsException: You can't use ClientRequestToken " + client_token +
                  " because that value is already in use for a version of secret " + first.arn() + ".");
    EXPECT_EQ(
        refusal(create_request(name, "Hello")),
        "ResourceExistsException: The operation failed because the secret " + name + " already exists.");
}

TEST_F(ServiceTest, ARepeatedCreateWithoutAValueIsAnsweredTheSame) {
    v1::CreateSecretRequest request;
    request.set_name(fresh("again-without-value"));
    request.set_client_request_token(token());
    const auto first = call(request);
    EXPECT_FALSE(first.has_version_id());
    EXPECT_EQ(call(request).SerializeAsString(), first.SerializeAsString());
    const auto exists = "ResourceExistsException: The operation failed because the secret " + request.name() +
                        " already exists.";
    auto by_another = request;
    by_another.set_client_request_token(token());
    EXPECT_EQ(refusal(by_another), exists);
    auto with_value = request;
    with_value.set_secret_string("s");
    EXPECT_EQ(refusal(with_value), exists);
}

TEST_F(ServiceTest, ARepeatedPutChangesNothing) {
    const auto name = fresh("put-again");
    const auto first = create(name, "one");
    const auto client_token = token();
    call(put_request(name, "two", {}, client_token));
    const auto third = put(name, "three");
    const auto repeated = call(put_request(name, "two", {}, client_token));
    EXPECT_EQ(repeated.version_id(), client_token);
    EXPECT_THAT(repeated.version_stages(), ElementsAre("AWSPREVIOUS"));
    EXPECT_EQ(get(name), "three");
    EXPECT_THAT(refusal(put_request(name, "other", {}, client_token)),
                StartsWith("ResourceExistsException: You can't use"));
    EXPECT_EQ(versions(name, true).size(), 3U);
}

TEST_F(ServiceTest, AMissingTokenIsNotInvented) {
    const std::string missing =
        "InvalidRequestException: You must provide a ClientRequestToken value. We recommend a UUID-type "
        "value.";
    auto create = create_request(fresh("no-token"), "s");
    create.clear_client_request_token();
    EXPECT_EQ(refusal(create), missing);
    auto put = put_request("nobody", "s");
    put.clear_client_request_token();
    EXPECT_EQ(refusal(put), missing);
    v1::UpdateSecretRequest update;
    update.set_secret_id("nobody");
    update.set_secret_string("s");
    EXPECT_EQ(refusal(update), missing);
}

// --- update

TEST_F(ServiceTest, UpdateSecretChangesOnlyWhatItNames) {
    const auto name = fresh("update");
    const auto v1_id = create(name, "one");
    v1::UpdateSecretRequest request;
    request.set_secret_id(name);
    clock().advance(std::chrono::seconds(5));
    const auto before = describe(name);
    EXPECT_FALSE(call(request).has_version_id());
    EXPECT_EQ(describe(name).last_changed_date(), before.last_changed_date());

    request.set_description("MyDescription");
    call(request);
    EXPECT_EQ(describe(name).description(), "MyDescription");
    EXPECT_GT(describe(name).last_changed_date(), before.last_changed_date());

    v1::UpdateSecretRequest value;
    value.set_secret_id(name);
    value.set_secret_string("two");
    value.set_client_request_token(token());
    EXPECT_EQ(call(value).version_id(), value.client_request_token());
    EXPECT_EQ(describe(name).description(), "MyDescription");
    EXPECT_THAT(versions(name), UnorderedElementsAre(::testing::Pair(v1_id, ElementsAre("AWSPREVIOUS")),
                                                     ::testing::Pair(value.client_request_token(),
                                                                     ElementsAre("AWSCURRENT"))));
    EXPECT_EQ(call(value).version_id(), value.client_request_token());
    value.set_secret_string("else");
    EXPECT_THAT(refusal(value), StartsWith("ResourceExistsException: You can't use ClientRequestToken"));
}

TEST_F(ServiceTest, UpdateSecretWithAValueThatIsThereChangesTheRest) {
    const auto name = fresh("update-again");
    auto create = create_request(name, "one");
    create.set_description("old");
    call(create);
    v1::UpdateSecretRequest request;
    request.set_secret_id(name);
    request.set_client_request_token(create.client_request_token());
    request.set_secret_string("one");
    request.set_description("new");
    EXPECT_EQ(call(request).version_id(), create.client_request_token());
    EXPECT_EQ(describe(name).description(), "new");
    EXPECT_EQ(versions(name).size(), 1U);

    request.set_kms_key_id("alias/second");
    call(request);
    EXPECT_EQ(describe(name).kms_key_id(), "alias/second");
    v1::ListSecretVersionIdsRequest list;
    list.set_secret_id(name);
    EXPECT_THAT(call(list).versions(0).kms_key_ids(),
                ElementsAre(node().hsm().find_master_key("second")->id.value().text()));
    EXPECT_EQ(get(name), "one");

    // The very same request once more is a repetition.
    clock().advance(std::chrono::seconds(5));
    const auto before = describe(name).last_changed_date();
    call(request);
    EXPECT_EQ(describe(name).last_changed_date(), before);

    request.set_secret_string("else");
    request.set_description("newer");
    request.set_kms_key_id("");
    EXPECT_THAT(refusal(request), StartsWith("ResourceExistsException: You can't use ClientRequestToken"));
    EXPECT_EQ(describe(name).description(), "new");
    EXPECT_EQ(describe(name).kms_key_id(), "alias/second");
}

TEST_F(ServiceTest, AnotherMasterKeyReEncryptsAllVersions) {
    const auto name = fresh("kms");
    const auto unlabelled = create(name, "none");
    static_cast<void>(put(name, "one"));
    static_cast<void>(put(name, "two"));
    v1::ListSecretVersionIdsRequest list;
    list.set_secret_id(name);
    list.set_include_deprecated(true);
    EXPECT_EQ(call(list).versions_size(), 3);
    for (const auto answer = call(list); const auto& version : answer.versions())
        EXPECT_THAT(version.kms_key_ids(), ElementsAre("DefaultEncryptionKey"));
    EXPECT_FALSE(describe(name).has_kms_key_id());

    v1::UpdateSecretRequest request;
    request.set_secret_id(name);
    request.set_kms_key_id("alias/second");
    EXPECT_FALSE(call(request).has_version_id());
    EXPECT_EQ(describe(name).kms_key_id(), "alias/second");
    const auto second_key = node().hsm().find_master_key("second")->id.value().text();
    for (const auto answer = call(list); const auto& version : answer.versions())
        EXPECT_THAT(version.kms_key_ids(), ElementsAre(second_key));
    EXPECT_EQ(get(name), "two");
    EXPECT_EQ(get(name, "AWSPREVIOUS"), "one");
    EXPECT_EQ(get(name, "", unlabelled), "none");

    request.set_kms_key_id("");
    call(request);
    EXPECT_FALSE(describe(name).has_kms_key_id());
    for (const auto answer = call(list); const auto& version : answer.versions())
        EXPECT_THAT(version.kms_key_ids(), ElementsAre("DefaultEncryptionKey"));
    EXPECT_EQ(get(name), "two");

    request.set_kms_key_id("alias/nobody");
    // As AWS answers for a key that it cannot find.
    const auto not_there =
        ::testing::AllOf(StartsWith("ResourceNotFoundException: KmsKeyId"), HasSubstr("alias/nobody"));
    EXPECT_THAT(refusal(request), not_there);
    auto create = create_request(fresh("kms"), "value");
    create.set_kms_key_id("alias/nobody");
    EXPECT_THAT(refusal(create), not_there);
    create.set_kms_key_id(token());
    EXPECT_THAT(refusal(create), StartsWith("ResourceNotFoundException: KmsKeyId"));
}

// Nobody is to take a secret for gone because its key is: the request names a secret, which is there.
TEST_F(ServiceTest, AStoredKeyThatIsGoneIsNoSecretThatIsGone) {
    const auto name = fresh("kms-gone");
    create(name, "one");
    node().trail().action_committed(wait_for<ChangeEvent>([&](Completion<ChangeEvent> done) {
        node().database().write<ChangeEvent>(
            {},
            [&](storage::WriteTransaction& tx) {
                auto secret = *storage::SecretRepository::lock(tx, name);
                secret.kms_key_id = "alias/gone";
                storage::SecretRepository::update(tx, std::move(secret), {});
                return node().trail().store_action({"Test", "test"}, tx);
            },
            std::move(done));
    }));
    const auto refused = ::testing::AllOf(StartsWith("EncryptionFailure"), HasSubstr("alias/gone"));
    EXPECT_THAT(refusal_soon(put_request(name, "two")), refused);
    v1::UpdateSecretRequest update;
    update.set_secret_id(name);
    update.set_client_request_token(token());
    update.set_secret_string("two");
    EXPECT_THAT(refusal(update), refused);
    // What encrypts nothing needs no key.
    update.clear_secret_string();
    update.set_description("its key is gone");
    call(update);
    EXPECT_EQ(describe(name).description(), "its key is gone");
    EXPECT_EQ(get(name), "one");
    update.set_kms_key_id("");
    update.set_secret_string("two");
    call(update);
    EXPECT_EQ(get(name), "two");
}

// --- labels

TEST_F(ServiceTest, TheThreeWaysNotToFindAValue) {
    const auto name = fresh("find");
    const auto v1_id = create(name, "one");
    const auto unknown = token();
    EXPECT_EQ(
        refusal(get_request(name, "", unknown)),
        "ResourceNotFoundException: Secrets Manager can't find the specified secret value for VersionId: " +
            unknown);
    EXPECT_EQ(refusal(get_request(name, "NOPE")),
              "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging "
              "label: NOPE");
    EXPECT_EQ(refusal(get_request("nobody-" + unknown)), not_found_);
    EXPECT_EQ(refusal(get_request(name, "AWSPREVIOUS", v1_id)),
              "InvalidRequestException: You provided a VersionStage that is not associated to the provided "
              "VersionId.");
    EXPECT_EQ(get(name, "AWSCURRENT", v1_id), "one");
}

TEST_F(ServiceTest, LabelsMoveAsAwsMovesThem) {
    const auto name = fresh("move");
    const auto v1_id = create(name, "one");
    const auto v2 = put(name, "two", {"AWSPENDING"});
    EXPECT_EQ(refusal(stage_request(name, "AWSCURRENT", "", v2)),
              "InvalidParameterException: The parameter RemoveFromVersionId can't be empty. Staging label "
              "AWSCURRENT is "
              "currently attached to version " +
                  v1_id + ", so you must explicitly reference that version in RemoveFromVersionId.");
    EXPECT_THAT(refusal(stage_request(name, "AWSCURRENT", v2, v2)), StartsWith("InvalidParameterException"));
    EXPECT_THAT(refusal(stage_request(name, "AWSCURRENT", v1_id, "")),
                StartsWith("InvalidParameterException"));
    EXPECT_THAT(refusal(stage_request(name, "AWSCURRENT", v1_id, token())),
                StartsWith("ResourceNotFoundException"));
    EXPECT_EQ(get(name), "one");

    call(stage_request(name, "AWSCURRENT", v1_id, v2));
    EXPECT_THAT(versions(name),
                UnorderedElementsAre(::testing::Pair(v1_id, ElementsAre("AWSPREVIOUS")),
                                     ::testing::Pair(v2, UnorderedElementsAre("AWSCURRENT", "AWSPENDING"))));
    EXPECT_EQ(get(name), "two");
    // The same move again, as after an answer that was lost.
    call(stage_request(name, "AWSCURRENT", v1_id, v2));
    EXPECT_EQ(get(name, "AWSPREVIOUS"), "one");
}

// AWS, API reference of PutSecretValue: the first version of a secret gets AWSCURRENT whatever it was put
// with.
TEST_F(ServiceTest, AValuelessSecretsFirstVersionIsCurrent) {
    const auto name = fresh("promote");
    call(create_request(name, ""));
    const auto version = put(name, "x", {"AWSPENDING"});
    EXPECT_THAT(versions(name),
                ElementsAre(::testing::Pair(version, UnorderedElementsAre("AWSCURRENT", "AWSPENDING"))));
    EXPECT_EQ(get(name), "x");
}

TEST_F(ServiceTest, UnlabelledVersionsAreHiddenButReadable) {
    const auto name = fresh("deprecated");
    const auto v1_id = create(name, "one");
    put(name, "two");
    put(name, "three");
    EXPECT_EQ(versions(name).size(), 2U);
    EXPECT_THAT(versions(name, true), Contains(::testing::Pair(v1_id, IsEmpty())));
    EXPECT_EQ(describe(name).version_ids_to_stages_size(), 2);
    EXPECT_EQ(get(name, "", v1_id), "one");
}

TEST_F(ServiceTest, TwentyLabelsAreTheLimit) {
    const auto name = fresh("labels");
    create(name, "one");
    std::vector<std::string> nineteen;
    for (int i = 0; i < 18; ++i) nineteen.push_back("L" + std::to_string(i));
    put(name, "two", nineteen);  // 18 and AWSCURRENT
    const auto v3 = put(name, "three", {"L18"});
    EXPECT_THAT(refusal(put_request(name, "four", {"L19"})), StartsWith("LimitExceededException"));
    EXPECT_THAT(refusal(stage_request(name, "L20", "", v3)), StartsWith("LimitExceededException"));
}

TEST_F(ServiceTest, VersionsAgreeWithAModelOverARandomHistory) {
    const auto name = fresh("random");
    std::map<std::string, std::string> values;   // version -> value
    std::map<std::string, std::string> holders;  // label -> version
    const auto first = create(name, "v0");
    values[first] = "v0";
    holders["AWSCURRENT"] = first;
    std::mt19937 random(20261);
    const std::vector<std::string> labels{"A", "B", "AWSPENDING"};
    const auto move_current = [&](const std::string& to) {
        if (holders["AWSCURRENT"] == to) return;
        holders["AWSPREVIOUS"] = holders["AWSCURRENT"];
        holders["AWSCURRENT"] = to;
    };
    for (int step = 1; step <= 60; ++step) {
        const auto label = labels[random() % labels.size()];
        switch (random() % 3) {
            case 0: {
                const auto value = "v" + std::to_string(step);
                const auto id = put(name, value);
                values[id] = value;
                if (holders.contains("AWSPENDING") && holders["AWSPENDING"] == holders["AWSCURRENT"])
                    holders.erase("AWSPENDING");
                move_current(id);
                break;
            }
            case 1: {
                const auto value = "v" + std::to_string(step);
                const auto id = put(name, value, {label});
                values[id] = value;
                holders[label] = id;
                break;
            }
            default: {
                auto target = values.begin();
                std::advance(target, static_cast<std::ptrdiff_t>(random() % values.size()));
                const bool current = random() % 2 == 0;
                const std::string moved = current ? "AWSCURRENT" : label;
                call(
                    stage_request(name, moved, holders.contains(moved) ? holders[moved] : "", target->first));
                current ? move_current(target->first) : static_cast<void>(holders[label] = target->first);
            }
        }
        for (const auto& [held, id] : holders)
            ASSERT_EQ(get(name, held), values[id]) << "label " << held << " at step " << step;
    }
    const auto all = versions(name, true);
    EXPECT_EQ(all.size(), values.size());
    for (const auto& [id, value] : values) EXPECT_EQ(get(name, "", id), value);
}

// --- deletion

TEST_F(ServiceTest, ADeletedSecretIsHiddenUntilItIsRestored) {
    const auto name = fresh("deleted");
    const auto arn = call(create_request(name, "one")).arn();
    put(name, "two");
    v1::TagResourceRequest tag;
    tag.set_secret_id(name);
    auto& added = *tag.add_tags();
    added.set_key("team");
    added.set_value("x");
    call(tag);

    v1::DeleteSecretRequest request;
    request.set_secret_id(name);
    request.set_recovery_window_in_days(7);
    const auto now = clock().now();
    const auto deletion = call(request);
    EXPECT_EQ(deletion.arn(), arn);
    EXPECT_DOUBLE_EQ(deletion.deletion_date(), now.seconds() + 7 * 86400);
    EXPECT_DOUBLE_EQ(describe(name).deleted_date(), now.seconds());

    EXPECT_EQ(refusal(get_request(name)), deleted_);
    EXPECT_EQ(refusal(put_request(name, "x")), deleted_);
    EXPECT_EQ(refusal(tag), deleted_);
    v1::UpdateSecretRequest update;
    update.set_secret_id(name);
    update.set_description("x");
    EXPECT_EQ(refusal(update), deleted_);
    v1::UntagResourceRequest untag;
    untag.set_secret_id(name);
    untag.add_tag_keys("team");
    EXPECT_EQ(refusal(untag), deleted_);
    EXPECT_THAT(refusal(request), StartsWith("InvalidRequestException"));
    EXPECT_EQ(refusal(create_request(name, "new")),
              "InvalidRequestException: You can't create this secret because a secret with this name is "
              "already scheduled for "
              "deletion.");
    EXPECT_EQ(versions(name).size(), 2U);

    v1::RestoreSecretRequest restore;
    restore.set_secret_id(name);
    EXPECT_EQ(call(restore).arn(), arn);
    EXPECT_FALSE(describe(name).has_deleted_date());
    EXPECT_EQ(get(name), "two");
    EXPECT_EQ(get(name, "AWSPREVIOUS"), "one");
    EXPECT_EQ(describe(name).tags().tags_size(), 1);
    call(restore);  // of a live secret: no change
}

TEST_F(ServiceTest, WindowsAreSevenToThirtyDaysAndNotWithForce) {
    const auto name = fresh("window");
    create(name, "x");
    for (const int days : {0, 2, 6, 31, -1}) {
        v1::DeleteSecretRequest request;
        request.set_secret_id(days == 2 ? "nobody" : name);
        request.set_recovery_window_in_days(days);
        EXPECT_EQ(refusal(request),
                  "InvalidParameterException: The RecoveryWindowInDays value must be between 7 and 30 days "
                  "(inclusive).");
    }
    v1::DeleteSecretRequest both;
    both.set_secret_id(name);
    both.set_recovery_window_in_days(7);
    both.set_force_delete_without_recovery(true);
    EXPECT_EQ(refusal(both),
              "InvalidParameterException: You can't use ForceDeleteWithoutRecovery in conjunction with "
              "RecoveryWindowInDays.");
    both.set_force_delete_without_recovery(false);
    call(both);
}

TEST_F(ServiceTest, AForcedDeletionLeavesNothingBehind) {
    const auto name = fresh("forced");
    const auto client_token = token();
    const auto old_arn = call(create_request(name, "OLD", client_token)).arn();
    put(name, "OLD2");
    EXPECT_EQ(get(name), "OLD2");
    const auto deletion = remove(name, true);
    EXPECT_DOUBLE_EQ(deletion.deletion_date(), clock().now().seconds());
    EXPECT_EQ(refusal(get_request(name)), not_found_);

    const auto created = call(create_request(name, "NEW", client_token));
    EXPECT_NE(created.arn(), old_arn);
    EXPECT_EQ(get(name), "NEW");
    EXPECT_EQ(versions(name, true).size(), 1U);
    EXPECT_THAT(refusal(get_request(name, "AWSPREVIOUS")), StartsWith("ResourceNotFoundException"));
    EXPECT_EQ(refusal(get_request(old_arn)), not_found_);

    // Force works on a scheduled secret, and on one that never was.
    remove(name);
    remove(name, true);
    const auto invented = remove(name, true);
    EXPECT_EQ(invented.name(), name);
    v1::DeleteSecretRequest plain;
    plain.set_secret_id(name);
    EXPECT_EQ(refusal(plain), not_found_);
}

TEST_F(ServiceTest, ASecretIsDestroyedWhenItsWindowIsOver) {
    const auto name = fresh("purged");
    create(name, "x");
    v1::DeleteSecretRequest request;
    request.set_secret_id(name);
    request.set_recovery_window_in_days(7);
    call(request);
    clock().advance(std::chrono::days(7) - std::chrono::seconds(1));
    Environment::get().purge();
    EXPECT_TRUE(describe(name).has_deleted_date());
    clock().advance(std::chrono::seconds(1));
    Environment::get().purge();
    EXPECT_EQ(refusal(get_request(name)), not_found_);
    create(name, "new");
}

// --- listing

TEST_F(ServiceTest, PagesShowEverySecretOnce) {
    const auto stem = fresh("pg");
    std::set<std::string> names;
    for (int i = 0; i < 25; ++i) {
        const auto name = stem + "/" + std::to_string(i);
        create(name, "x");
        names.insert(name);
    }
    v1::ListSecretsRequest request;
    request.set_max_results(5);
    auto& filter = *request.add_filters();
    filter.set_key("name");
    filter.add_values(stem);
    std::vector<std::string> seen;
    int pages = 0;
    while (true) {
        const auto page = call(request);
        ++pages;
        EXPECT_LE(page.secret_list_size(), 5);
        for (const auto& entry : page.secret_list()) seen.push_back(entry.name());
        if (pages == 1) {
            create(stem + "/new", "x");
            remove(stem + "/24");
        }
        if (!page.has_next_token()) break;
        EXPECT_THAT(refusal(request, "other-admin"),
                    ::testing::AnyOf("no error", StartsWith("InvalidNextTokenException")));
        request.set_next_token(page.next_token());
        EXPECT_THAT(refusal(request, "other-admin"), StartsWith("InvalidNextTokenException"));
    }
    EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), seen.size());
    names.erase(stem + "/24");
    for (const auto& name : names) EXPECT_THAT(seen, Contains(name));

    auto other = request;
    other.mutable_filters(0)->set_values(0, stem + "/1");
    EXPECT_THAT(refusal(other), StartsWith("InvalidNextTokenException"));
    other.set_next_token("garbage");
    EXPECT_THAT(refusal(other), StartsWith("InvalidNextTokenException"));
}

TEST_F(ServiceTest, AFullLastPageAnnouncesNoOther) {
    const auto stem = fresh("exact");
    for (int i = 0; i < 10; ++i) create(stem + "/" + std::to_string(i), "x");
    v1::ListSecretsRequest request;
    request.set_max_results(5);
    auto& filter = *request.add_filters();
    filter.set_key("name");
    filter.add_values(stem);
    auto page = call(request);
    ASSERT_TRUE(page.has_next_token());
    request.set_next_token(page.next_token());
    page = call(request);
    EXPECT_EQ(page.secret_list_size(), 5);
    EXPECT_FALSE(page.has_next_token());
    for (const int bad : {0, 101}) {
        request.set_max_results(bad);
        EXPECT_THAT(refusal(request), StartsWith("ValidationException"));
    }
}

TEST_F(ServiceTest, ListsInTheOrderAskedForAndHidesTheDeleted) {
    const auto stem = fresh("order");
    for (const std::string name : {"b", "c", "a"}) {
        clock().advance(std::chrono::milliseconds(10));
        create(stem + "/" + name, "x");
    }
    const auto list = [&](const std::string& by, const std::string& order, bool deleted = false) {
        v1::ListSecretsRequest request;
        if (!by.empty()) request.set_sort_by(by);
        if (!order.empty()) request.set_sort_order(order);
        request.set_include_planned_deletion(deleted);
        auto& filter = *request.add_filters();
        filter.set_key("name");
        filter.add_values(stem);
        std::string names;
        for (const auto answer = call(request); const auto& entry : answer.secret_list())
            names += entry.name().back();
        return names;
    };
    EXPECT_EQ(list("", ""), "bca");
    EXPECT_EQ(list("created-date", "desc"), "acb");
    EXPECT_EQ(list("name", "asc"), "abc");
    EXPECT_EQ(list("name", "desc"), "cba");
    clock().advance(std::chrono::milliseconds(10));
    put(stem + "/b", "y");
    EXPECT_EQ(list("last-changed-date", "desc"), "bac");
    remove(stem + "/c");
    EXPECT_EQ(list("name", ""), "ab");
    EXPECT_EQ(list("name", "", true), "abc");
}

TEST_F(ServiceTest, ABatchAnswersEachSecretForItself) {
    const auto stem = fresh("batch");
    const auto b1 = call(create_request(stem + "/b1", "one")).arn();
    create(stem + "/b2", "two");
    remove(stem + "/b2");
    call(create_request(stem + "/empty", ""));
    v1::BatchGetSecretValueRequest request;
    for (const std::string& id : {stem + "/b1", stem + "/b2", stem + "/nope", stem + "/empty", b1})
        request.add_secret_id_list(id);
    const auto batch = call(request);
    ASSERT_EQ(batch.secret_values_size(), 1);
    EXPECT_EQ(batch.secret_values(0).arn(), b1);
    EXPECT_EQ(batch.secret_values(0).secret_string(), "one");
    EXPECT_THAT(batch.secret_values(0).version_stages(), ElementsAre("AWSCURRENT"));
    std::map<std::string, std::string> errors;
    for (const auto& error : batch.errors()) errors[error.secret_id()] = error.error_code();
    EXPECT_THAT(errors, UnorderedElementsAre(::testing::Pair(stem + "/b2", "InvalidRequestException"),
                                             ::testing::Pair(stem + "/nope", "ResourceNotFoundException"),
                                             ::testing::Pair(stem + "/empty", "ResourceNotFoundException")));

    EXPECT_THAT(refusal(v1::BatchGetSecretValueRequest()), StartsWith("InvalidParameterException"));
    v1::BatchGetSecretValueRequest both;
    both.add_secret_id_list("a");
    both.add_filters()->set_key("name");
    both.mutable_filters(0)->add_values("b");
    EXPECT_THAT(refusal(both), StartsWith("InvalidParameterException"));
    v1::BatchGetSecretValueRequest many;
    for (int i = 0; i < 21; ++i) many.add_secret_id_list("a" + std::to_string(i));
    EXPECT_THAT(refusal(many), StartsWith("ValidationException"));

    v1::BatchGetSecretValueRequest filtered;
    filtered.add_filters()->set_key("name");
    filtered.mutable_filters(0)->add_values(stem + "/b");
    EXPECT_EQ(call(filtered).secret_values_size(), 1);
}

// --- tags, dates, passwords, access

TEST_F(ServiceTest, TagsAreAbsentUntilTheFirstAndEmptyAfterTheLast) {
    const auto name = fresh("tags");
    create(name, "x");
    EXPECT_FALSE(describe(name).has_tags());
    v1::TagResourceRequest tag;
    tag.set_secret_id(name);
    for (const std::string key : {"one", "two"}) {
        auto& added = *tag.add_tags();
        added.set_key(key);
        added.set_value("value of " + key);
    }
    call(tag);
    ASSERT_EQ(describe(name).tags().tags_size(), 2);
    EXPECT_EQ(describe(name).tags().tags(0).key(), "one");
    v1::UntagResourceRequest untag;
    untag.set_secret_id(name);
    untag.add_tag_keys("one");
    untag.add_tag_keys("two");
    call(untag);
    EXPECT_TRUE(describe(name).has_tags());
    EXPECT_EQ(describe(name).tags().tags_size(), 0);
}

TEST_F(ServiceTest, TheDayOfTheLastReadShowsAtOnce) {
    const auto name = fresh("accessed");
    const auto version = create(name, "x");
    EXPECT_FALSE(describe(name).has_last_accessed_date());
    get(name);
    EXPECT_DOUBLE_EQ(describe(name).last_accessed_date(), clock().now().day().seconds());
    v1::ListSecretVersionIdsRequest list;
    list.set_secret_id(name);
    EXPECT_DOUBLE_EQ(call(list).versions(0).last_accessed_date(), clock().now().day().seconds());
}

TEST_F(ServiceTest, PasswordsComeFromTheToken) {
    v1::GetRandomPasswordRequest request;
    const auto first = call(request).random_password();
    EXPECT_EQ(first.size(), 32U);
    EXPECT_NE(first, call(request).random_password());
    request.set_password_length(4097);
    EXPECT_EQ(refusal(request),
              "ValidationException: 1 validation error detected: Value '4097' at 'passwordLength' failed to "
              "satisfy constraint: "
              "Member must have value less than or equal to 4096");
    request.set_password_length(4096);
    EXPECT_EQ(call(request).random_password().size(), 4096U);
}

TEST_F(ServiceTest, WhoIsNotNamedIsRefused) {
    const auto name = fresh("access");
    const auto arn = call(create_request(name, "x")).arn();
    EXPECT_EQ(refusal(get_request(name), "mallory"),
              "AccessDeniedException: User: mallory is not authorized to perform: "
              "secretsmanager:GetSecretValue on resource: " +
                  arn + " because no identity-based policy allows the secretsmanager:GetSecretValue action");
    EXPECT_THAT(
        refusal(get_request("nobody/here"), "mallory"),
        ::testing::AllOf(StartsWith("AccessDeniedException"), HasSubstr("on resource: nobody/here because")));
    EXPECT_THAT(refusal(create_request(fresh("denied"), "x"), "mallory"),
                StartsWith("AccessDeniedException"));
    EXPECT_THAT(refusal(v1::ListSecretsRequest(), "mallory"), StartsWith("AccessDeniedException"));
    EXPECT_THAT(refusal(v1::GetRandomPasswordRequest(), "mallory"), StartsWith("AccessDeniedException"));
}

TEST_F(ServiceTest, OperationsOfLaterVersionsSaySo) {
    v1::ReplicateSecretToRegionsRequest replicate;
    replicate.set_secret_id("any");
    replicate.add_add_replica_regions()->set_region("eu-test-2");
    EXPECT_THAT(refusal(replicate), StartsWith("NotImplementedException: ReplicateSecretToRegions"));
}

// --- what was altered outside

TEST_F(ServiceTest, AlteredRowsAreRefusedAndOthersServed) {
    const auto other = fresh("intact");
    create(other, "intact");
    struct Tampering {
        const char* what;
        const char* sql;  // $1: the secret's name
    };
    const std::vector<Tampering> tamperings{
        {"ciphertext",
         "UPDATE secret_versions SET ciphertext = set_byte(ciphertext, 30, get_byte(ciphertext, 30) # 1) "
         "WHERE secret_id = (SELECT id FROM secrets WHERE name = $1)"},
        {"wrapped key",
         "UPDATE secret_versions SET wrapped_key = set_byte(wrapped_key, 0, get_byte(wrapped_key, 0) # 1) "
         "WHERE secret_id = (SELECT id FROM secrets WHERE name = $1)"},
        {"label moved",
         "UPDATE staging_labels SET version_id = (SELECT version_id FROM staging_labels l JOIN secrets s ON "
         "s.id = "
         "l.secret_id WHERE s.name = $1 AND label = 'AWSPENDING') WHERE label = 'AWSCURRENT' AND secret_id = "
         "(SELECT id FROM secrets WHERE name = $1)"},
        {"label gone",
         "DELETE FROM staging_labels WHERE label = 'AWSPENDING' AND secret_id = (SELECT id FROM secrets "
         "WHERE name = $1)"},
        {"version gone",
         "DELETE FROM secret_versions WHERE secret_id = (SELECT id FROM secrets WHERE name = $1) AND "
         "version_id = "
         "(SELECT version_id FROM staging_labels l JOIN secrets s ON s.id = l.secret_id WHERE s.name = $1 "
         "AND "
         "label = 'AWSPENDING')"},
        {"deletion date",
         "UPDATE secrets SET deleted = now(), purge_due = now() + interval '1 day' WHERE name = $1"},
        {"description", "UPDATE secrets SET description = 'mine' WHERE name = $1"},
        {"tags", "UPDATE secrets SET tags = '[[\"team\", \"mine\"]]' WHERE name = $1"},
        {"kind",
         "UPDATE secret_versions SET kind = 2 WHERE secret_id = (SELECT id FROM secrets WHERE name = $1)"},
        {"revision", "UPDATE secrets SET revision = revision + 1 WHERE name = $1"},
        {"seal", "UPDATE secrets SET seal = set_byte(seal, 0, get_byte(seal, 0) # 1) WHERE name = $1"},
    };
    for (const auto& [what, sql] : tamperings) {
        const auto name = fresh("tampered");
        create(name, "one");
        put(name, "two", {"AWSPENDING"});
        EXPECT_EQ(get(name), "one");
        const int counted = observer().request_integrity_failures + observer().stored_integrity_failures;
        Environment::get().execute(sql, name);
        EXPECT_THAT(refusal_soon(get_request(name)),
                    StartsWith("DecryptionFailure: The stored secret failed its integrity check"))
            << what;
        EXPECT_GT(observer().request_integrity_failures + observer().stored_integrity_failures, counted)
            << what;
        EXPECT_EQ(get(other), "intact") << what;
    }
}

TEST_F(ServiceTest, APayloadMovedToAnotherSecretDoesNotOpen) {
    const auto mine = fresh("mine");
    const auto theirs = fresh("theirs");
    const auto client_token = token();
    call(create_request(mine, "mine", client_token));
    call(create_request(theirs, "theirs", client_token));
    Environment::get().execute(
        "UPDATE secret_versions mine SET wrapped_key = theirs.wrapped_key, ciphertext = theirs.ciphertext "
        "FROM secret_versions theirs, secrets s, secrets t "
        "WHERE mine.secret_id = s.id AND theirs.secret_id = t.id AND s.name = $1 AND t.name = $2",
        mine, theirs);
    EXPECT_THAT(refusal_soon(get_request(mine)), StartsWith("DecryptionFailure"));
    EXPECT_EQ(get(theirs), "theirs");
}

// --- several at once

TEST_F(ServiceTest, OneOfManyCreatorsWins) {
    for (int round = 0; round < 5; ++round) {
        const auto name = fresh("race");
        std::vector<std::future<std::string>> creators;
        for (int i = 0; i < 16; ++i) {
            creators.push_back(std::async(std::launch::async, [this, name, i] {
                try {
                    return "created " + call(create_request(name, "value " + std::to_string(i))).version_id();
                } catch (const CallError& e) {
                    return std::string(e.what());
                }
            }));
        }
        int created = 0;
        for (auto& creator : creators) {
            const auto result = creator.get();
            if (result.starts_with("created"))
                ++created;
            else
                EXPECT_EQ(result, "ResourceExistsException: The operation failed because the secret " + name +
                                      " already exists.");
        }
        EXPECT_EQ(created, 1);
        EXPECT_THAT(get(name), StartsWith("value "));
    }
}

TEST_F(ServiceTest, ManyCreatorsWithOneTokenAreAllAnswered) {
    const auto name = fresh("same");
    const auto client_token = token();
    std::vector<std::future<std::string>> creators;
    for (int i = 0; i < 16; ++i) {
        creators.push_back(std::async(std::launch::async, [this, name, client_token] {
            return call(create_request(name, "same", client_token)).SerializeAsString();
        }));
    }
    std::set<std::string> answers;
    for (auto& creator : creators) answers.insert(creator.get());
    EXPECT_EQ(answers.size(), 1U);
}

TEST_F(ServiceTest, AnotherNodeSeesAChangeWithinASecond) {
    auto& other = Environment::get().second_node();
    const auto name = fresh("nodes");
    create(name, "one");
    EXPECT_EQ(other.call(get_request(name)).secret_string(), "one");
    put(name, "two");
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    std::string seen;
    while (seen != "two" && std::chrono::steady_clock::now() < until)
        seen = other.call(get_request(name)).secret_string();
    EXPECT_EQ(seen, "two");
    remove(name, true);
    bool gone = false;
    const auto until_gone = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    while (!gone && std::chrono::steady_clock::now() < until_gone) {
        try {
            static_cast<void>(other.call(get_request(name)));
        } catch (const CallError&) {
            gone = true;
        }
    }
    EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace coffer::secrets
