// ListDamagedSecrets and DiscardDamagedSecret: rows altered by hand are found and removed, the audit journal
// says so, and what coffer-audit compares with the database agrees afterwards.

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <map>

#include "daemon/audit/coffer_audit/against_database.hpp"
#include "daemon/damage/service.hpp"
#include "service_environment.hpp"
#include "tests/support/rights.hpp"

namespace coffer::damage {
namespace {

using secrets::CallError;
using secrets::Environment;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class DamageServiceTest : public ::testing::Test {
protected:
    DamageServiceTest() { node().serve_also({&service_}); }
    ~DamageServiceTest() override { node().serve_also({}); }

    static secrets::Node& node() { return Environment::get().node(); }

    /// A secret with two versions and a tag.
    std::string create(const std::string& what) {
        const auto name = "damaged/" + what + "-" + Uuid::random().text().substr(0, 8);
        v1::CreateSecretRequest request;
        request.set_name(name);
        request.set_client_request_token(Uuid::random().text());
        request.set_secret_string("first");
        auto& tag = *request.add_tags();
        tag.set_key("team");
        tag.set_value("a");
        static_cast<void>(node().call(request));
        v1::PutSecretValueRequest put;
        put.set_secret_id(name);
        put.set_client_request_token(Uuid::random().text());
        put.set_secret_string("second");
        static_cast<void>(node().call(put));
        return name;
    }
    static std::string get(const std::string& name) {
        v1::GetSecretValueRequest request;
        request.set_secret_id(name);
        return node().call(request).secret_string();
    }
    static std::string row_of(const std::string& name) {
        return wait_for<std::string>([&](Completion<std::string> done) {
            node().database().read<std::string>(
                {},
                [name](storage::ReadTransaction& tx) {
                    return storage::SecretRepository::find(tx, name).value().id.value().text();
                },
                std::move(done));
        });
    }
    template <class Request>
    static std::string refusal(const Request& request, const std::string& principal = "admin") {
        try {
            static_cast<void>(node().call(request, principal));
        } catch (const CallError& e) {
            return e.what();
        }
        return "no error";
    }
    static v1::DiscardDamagedSecretRequest discard_request(const std::string& row) {
        v1::DiscardDamagedSecretRequest request;
        request.set_row_id(row);
        return request;
    }
    static v1::DamagedSecret discard(const std::string& row) {
        return node().call(discard_request(row)).damaged_secret();
    }
    /// The damaged secrets of all pages by their row ids.
    static std::map<std::string, v1::DamagedSecret> list(std::int64_t page = 3) {
        std::map<std::string, v1::DamagedSecret> all;
        v1::ListDamagedSecretsRequest request;
        request.set_max_results(page);
        std::int64_t checked = 0;
        std::int64_t total = 0;
        for (;;) {
            const auto answer = node().call(request);
            if (answer.has_total()) total = answer.total();
            checked += answer.checked();
            for (const auto& each : answer.damaged_secrets()) {
                EXPECT_TRUE(all.emplace(each.row_id(), each).second) << "listed twice";
            }
            if (!answer.has_next_token()) break;
            request.set_next_token(answer.next_token());
        }
        EXPECT_EQ(checked, total) << "each is checked once";
        return all;
    }
    static std::string findings_of_audit() {
        const auto report =
            audit::cli::compare_with_database({node().journal().directory()}, Environment::get().conninfo());
        std::string text;
        for (const auto& finding : report.findings) text += finding.key + " " + finding.message + "\n";
        return text;
    }

    DamageService service_{node().database(), node().hsm(), node().page_tokens(), Environment::get().clock()};
};

struct Altering {
    const char* what;
    const char* sql;  // $1: the secret's name
    std::vector<std::string> parts;
};

const std::vector<Altering>& alterings() {
    static const std::vector<Altering> kAll{
        {"label",
         "UPDATE staging_labels SET version_id = (SELECT version_id FROM staging_labels l JOIN secrets s ON "
         "s.id = l.secret_id WHERE s.name = $1 AND label = 'AWSPREVIOUS') WHERE label = 'AWSCURRENT' AND "
         "secret_id = (SELECT id FROM secrets WHERE name = $1)",
         {"labels"}},
        {"deletion", "UPDATE secrets SET deleted = now(), purge_due = now() WHERE name = $1", {"deletion"}},
        {"tags", "UPDATE secrets SET tags = '[[\"team\", \"b\"]]' WHERE name = $1", {"tags"}},
        {"unreadable", "UPDATE secrets SET tags = '[1]' WHERE name = $1", {"tags"}},
        {"foreign version",
         "INSERT INTO secret_versions (secret_id, version_id, created) SELECT id, 'foreign', now() FROM "
         "secrets WHERE name = $1",
         {"versions"}},
        {"policy", "UPDATE secrets SET resource_policy = '{}' WHERE name = $1", {"policy"}},
        {"revision lowered", "UPDATE secrets SET revision = 0 WHERE name = $1", {"change"}},
        {"revision raised", "UPDATE secrets SET revision = revision + 1000 WHERE name = $1", {"change"}},
        {"seal",
         "UPDATE secrets SET seal = set_byte(seal, 0, get_byte(seal, 0) # 1) WHERE name = $1",
         {"seal"}},
    };
    return kAll;
}

TEST_F(DamageServiceTest, EachIsListedWithItsPartAndDiscarded) {
    const auto whole = create("whole");
    std::map<std::string, std::string> rows;  // row ids by what was altered
    std::map<std::string, std::string> names;
    for (const auto& [what, sql, parts] : alterings()) {
        names[what] = create("altered");
        rows[what] = row_of(names[what]);
        Environment::get().execute(sql, names[what]);
    }
    const auto counted = Environment::get().observer().stored_integrity_failures.load();
    auto found = list();
    EXPECT_EQ(found.size(), alterings().size());
    for (const auto& [what, sql, parts] : alterings()) {
        ASSERT_TRUE(found.contains(rows[what])) << what;
        const auto& each = found[rows[what]];
        EXPECT_EQ(std::vector<std::string>(each.parts().begin(), each.parts().end()), parts) << what;
        EXPECT_EQ(each.name(), names[what]) << what;
        EXPECT_THAT(each.arn(), HasSubstr(names[what])) << what;
        EXPECT_THAT(each.message(), ::testing::Not(IsEmpty())) << what;
    }
    EXPECT_EQ(found[rows["foreign version"]].added_version_id(), "foreign");
    EXPECT_EQ(Environment::get().observer().stored_integrity_failures, counted) << "what was asked for";

    for (const auto& [what, sql, parts] : alterings()) {
        EXPECT_EQ(discard(rows[what]).name(), names[what]) << what;
        EXPECT_THAT(refusal(discard_request(rows[what])), StartsWith("ResourceNotFoundException")) << what;
    }
    EXPECT_THAT(list(), IsEmpty());
    EXPECT_EQ(get(whole), "second");
    EXPECT_EQ(findings_of_audit(), "");
    // The names are free, and a secret that has one is another row.
    v1::CreateSecretRequest again;
    again.set_name(names["tags"]);
    again.set_client_request_token(Uuid::random().text());
    again.set_secret_string("anew");
    EXPECT_NO_THROW(static_cast<void>(node().call(again)));
    EXPECT_EQ(get(names["tags"]), "anew");
    EXPECT_NE(row_of(names["tags"]), rows["tags"]);
    EXPECT_EQ(findings_of_audit(), "");
}

TEST_F(DamageServiceTest, OneRowCanBeLookedAt) {
    const auto name = create("one");
    const auto row = row_of(name);
    v1::ListDamagedSecretsRequest request;
    request.set_row_id(row);
    EXPECT_THAT(node().call(request).damaged_secrets(), IsEmpty());
    EXPECT_EQ(node().call(request).checked(), 1);
    Environment::get().execute("UPDATE secrets SET description = 'x' WHERE name = $1", name);
    ASSERT_EQ(node().call(request).damaged_secrets_size(), 1);
    EXPECT_THAT(node().call(request).damaged_secrets(0).parts(), ElementsAre("description"));
    static_cast<void>(discard(row));
    EXPECT_THAT(refusal(request), AllOf(StartsWith("ResourceNotFoundException"), HasSubstr(row)));
    request.set_row_id("zzzzzzzz-8a54-4d0e-9b57-3c5d1f0e7a11");
    EXPECT_THAT(refusal(request), StartsWith("InvalidParameterException"));
}

TEST_F(DamageServiceTest, AWholeSecretIsRefused) {
    const auto name = create("whole");
    const auto row = row_of(name);
    EXPECT_THAT(refusal(discard_request(row)),
                AllOf(StartsWith("InvalidRequestException"), HasSubstr("is whole; use DeleteSecret")));
    EXPECT_EQ(get(name), "second");
    // One that was mended after it was listed is whole again.
    Environment::get().execute("UPDATE secrets SET description = 'x' WHERE name = $1", name);
    EXPECT_TRUE(list().contains(row));
    Environment::get().execute("UPDATE secrets SET description = NULL WHERE name = $1", name);
    EXPECT_THAT(refusal(discard_request(row)), StartsWith("InvalidRequestException"));
    EXPECT_EQ(get(name), "second");
}

/// The seal does not cover values, which authenticate themselves: such a secret can be given a new one, or
/// deleted.
TEST_F(DamageServiceTest, AnAlteredValueIsNoDamagedSecret) {
    const auto name = create("value");
    Environment::get().execute(
        "UPDATE secret_versions SET ciphertext = set_byte(ciphertext, 30, get_byte(ciphertext, 30) # 1) "
        "WHERE "
        "secret_id = (SELECT id FROM secrets WHERE name = $1)",
        name);
    EXPECT_THAT(list(), IsEmpty());
    EXPECT_THAT(refusal(discard_request(row_of(name))), StartsWith("InvalidRequestException"));
    v1::DeleteSecretRequest remove;
    remove.set_secret_id(name);
    remove.set_force_delete_without_recovery(true);
    EXPECT_NO_THROW(static_cast<void>(node().call(remove)));
}

TEST_F(DamageServiceTest, WithoutTheRightBothAreRefused) {
    const auto name = create("rights");
    const auto row = row_of(name);
    Environment::get().execute("UPDATE secrets SET description = 'x' WHERE name = $1", name);
    EXPECT_THAT(refusal(v1::ListDamagedSecretsRequest{}, "nobody"),
                AllOf(StartsWith("AccessDeniedException"), HasSubstr("coffer:ListDamagedSecrets")));
    EXPECT_THAT(refusal(discard_request(row), "nobody"),
                AllOf(StartsWith("AccessDeniedException"), HasSubstr("coffer:DiscardDamagedSecret")));
    // Every right to secrets, and to look, is none to discard.
    access::Rights rights = *test::usual_rights("keeper", "111122223333");
    rights.identity.push_back(access::Policy::parse(
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["secretsmanager:*","coffer:List*"],"Resource":"*"}]})",
        "keepers", {.kind = access::DocumentKind::identity}));
    node().set_rights("keeper", std::make_shared<const access::Rights>(std::move(rights)));
    EXPECT_THAT(refusal(discard_request(row), "keeper"), StartsWith("AccessDeniedException"));
    v1::ListDamagedSecretsRequest look;
    look.set_row_id(row);
    EXPECT_EQ(node().call(look, "keeper").damaged_secrets_size(), 1);
    static_cast<void>(discard(row));
}

TEST_F(DamageServiceTest, AnotherCallersTokenIsRefused) {
    static_cast<void>(create("page"));
    static_cast<void>(create("page"));
    v1::ListDamagedSecretsRequest request;
    request.set_max_results(1);
    request.set_next_token(node().call(request).next_token());
    EXPECT_EQ(refusal(request), "no error");
    EXPECT_THAT(refusal(request, "other-admin"), StartsWith("InvalidNextTokenException"));
}

TEST_F(DamageServiceTest, TheEventSaysWhatIsGone) {
    const auto name = create("event");
    const auto row = row_of(name);
    Environment::get().execute("UPDATE secrets SET tags = NULL, revision = 0 WHERE name = $1", name);
    static_cast<void>(discard(row));
    const auto events = node().events();
    const auto text = [&](const char* pointer) {
        return std::string(boost::json::value(events.back()).at_pointer(pointer).as_string());
    };
    EXPECT_EQ(text("/eventSource"), "coffer");
    EXPECT_EQ(text("/eventName"), "DiscardDamagedSecret");
    EXPECT_EQ(text("/requestParameters/rowId"), row);
    EXPECT_EQ(text("/responseElements/name"), name);
    EXPECT_EQ(text("/responseElements/parts/0"), "change");
    EXPECT_EQ(text("/responseElements/parts/1"), "tags");
    EXPECT_THAT(text("/resources/0/ARN"), HasSubstr(name));
    EXPECT_FALSE(events.back().at("readOnly").as_bool());
    const auto seals =
        boost::json::serialize(boost::json::value(events.back()).at_pointer("/additionalEventData/seals"));
    EXPECT_EQ(seals, R"([{"table":"secrets","key":")" + row + R"(","discarded":true}])");
}

/// A secret that no event tells of, put in by hand: it can be discarded, and is not missed.
TEST_F(DamageServiceTest, AForgedSecretLeavesNoTrace) {
    const auto row = Uuid::random().text();
    Environment::get().execute(
        "INSERT INTO secrets (id, name, arn, created, last_changed, revision, seal) VALUES ($1::uuid, "
        "'forged', 'arn:other', now(), now(), 9223372036854775807, '\\x00')",
        row);
    EXPECT_THAT(findings_of_audit(), HasSubstr("no event tells where it came from"));
    static_cast<void>(discard(row));
    EXPECT_EQ(findings_of_audit(), "");
    // And comes back.
    Environment::get().execute(
        "INSERT INTO secrets (id, name, arn, created, last_changed, revision, seal) VALUES ($1::uuid, "
        "'forged', 'arn:other', now(), now(), 1, '\\x00')",
        row);
    EXPECT_THAT(findings_of_audit(),
                HasSubstr(row + " was discarded as damaged, and is in the database again"));
    static_cast<void>(discard(row));
    EXPECT_EQ(findings_of_audit(), "");
}

/// Another node's cache does not serve what is gone.
TEST_F(DamageServiceTest, OtherNodesForgetIt) {
    const auto name = create("cached");
    auto& other = Environment::get().second_node();
    v1::GetSecretValueRequest read;
    read.set_secret_id(name);
    EXPECT_EQ(other.call(read).secret_string(), "second");
    const auto row = row_of(name);
    Environment::get().execute("UPDATE secrets SET description = 'x' WHERE name = $1", name);
    static_cast<void>(discard(row));
    const auto answer = [&]() -> std::string {
        try {
            return other.call(read).secret_string();
        } catch (const CallError& e) {
            return e.what();
        }
    };
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!answer().starts_with("ResourceNotFoundException") && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_THAT(answer(), StartsWith("ResourceNotFoundException"));
}

}  // namespace
}  // namespace coffer::damage
