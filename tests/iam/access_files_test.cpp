// From files that a person wrote to what is in force: `coffer iam apply` and the operation that it calls,
// together. Places are counted in the files' own texts.

#include "client/coffer/access_files.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "client/coffer/failure.hpp"
#include "client/coffer/iam_configuration.hpp"
#include "tests/iam/iam_fixture.hpp"

namespace coffer::iam {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kReadWrite = "arn:aws:iam::aws:policy/SecretsManagerReadWrite";

class AccessFiles : public testing::Test {
protected:
    AccessFiles() {
        std::string pattern = (std::filesystem::temp_directory_path() / "coffer-access-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }
    ~AccessFiles() override { std::filesystem::remove_all(folder_); }

    void file(const std::string& name, const std::string& content) {
        std::filesystem::create_directories((folder_ / name).parent_path());
        std::ofstream(folder_ / name, std::ios::binary | std::ios::trunc) << content;
    }
    void only(const std::string& name, const std::string& content) {
        std::filesystem::remove_all(folder_);
        file(name, content);
    }

    /// "FILE:LINE:COLUMN: " of the place where `what` begins in `content`, the last one.
    std::string place(const std::string& name, const std::string& content, const std::string& what) const {
        const auto at = content.rfind(what);
        if (at == std::string::npos) throw std::out_of_range(what);
        const auto line =
            std::count(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(at), '\n');
        const auto start = at == 0 ? std::string::npos : content.rfind('\n', at - 1);
        const auto column = start == std::string::npos ? at + 1 : at - start;
        return (folder_ / name).string() + ":" + std::to_string(line + 1) + ":" + std::to_string(column) +
               ": ";
    }

    /// Brings the folder into force and says what is said then.
    std::string apply(bool prune = false) {
        try {
            const cli::AccessFiles files(folder_);
            v1::ApplyAccessConfigurationRequest request;
            *request.mutable_configuration() = files.configuration();
            request.set_prune(prune);
            try {
                return cli::worded(world_.call(apply_access_configuration, request));
            } catch (const secrets::ServiceError& error) {
                return files.located(error.what());
            }
        } catch (const cli::UsageError& error) {
            return error.what();
        }
    }
    std::string refused(const std::string& name, const std::string& content) {
        only(name, content);
        return apply();
    }
    /// A user with one inline policy, which is `document`.
    static std::string user_with(const std::string& document) {
        return "{\"UserName\":\"zed\",\n  \"InlinePolicies\":[{\"PolicyName\":\"p\",\"PolicyDocument\":" +
               document + "}]}\n";
    }

    std::filesystem::path folder_;
    World world_;
};

TEST_F(AccessFiles, AMemberThatComesTwiceIsRefusedWithItsPlace) {
    const auto twice = [&](const std::string& name, const std::string& content, const std::string& member) {
        const auto said = refused(name, content);
        // "FILE: line 1, column 2: ..." as for JSON that is none.
        auto where = place(name, content, member);
        where = where.substr((folder_ / name).string().size() + 1);
        const auto colon = where.find(':');
        const auto worded = "line " + where.substr(0, colon) + ", column " +
                            where.substr(colon + 1, where.rfind(':') - colon);
        EXPECT_THAT(said, AllOf(StartsWith((folder_ / name).string() + ": "), HasSubstr(worded),
                                HasSubstr("comes twice")));
        EXPECT_EQ(world_.records().find<User>("zed"), nullptr);
    };
    twice(
        "users/z.json",
        R"({"UserName":"zed","InlinePolicies":[{"PolicyName":"p","PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Effect":"Allow"}]}}]})",
        R"("Effect")");
    twice(
        "users/z.json",
        user_with(
            R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{
                 "StringEquals":{"aws:PrincipalTag/team":"a"},
                 "StringEquals":{"aws:SourceVpce":"office"}}}})"),
        R"("StringEquals")");
    twice(
        "users/z.json",
        user_with(
            R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{
                 "StringEquals":{"aws:SourceVpce":"office","aws:SourceVpce":"home"}}}})"),
        R"("aws:SourceVpce")");
    twice("users/z.json", "{\"UserName\": \"amy\",\n \"UserName\": \"zed\"}", "\"UserName\"");
    twice("all.json", R"({"Users":[{"UserName":"zed"}],"Users":[]})", R"("Users")");
    twice("all.json", R"({"Users":[{"UserName":"zed","Tags":[{"Key":"a","Value":"b","Value":"c"}]}]})",
          R"("Value")");
    // However it is spelled: \u0045 is E (RFC 8259, section 7).
    twice("users/z.json",
          user_with(R"({"Statement":{"Effect":"Deny","Action":"*","Resource":"*","\u0045ffect":"Allow"}})"),
          R"("\u0045ffect")");
    // Texts and other objects may have the same names.
    only(
        "users/z.json",
        R"({"UserName":"zed","Path":"/","Tags":[{"Key":"Key","Value":"Key"},{"Key":"b","Value":"{\"a\":1,\"a\":2}"}]})");
    EXPECT_THAT(apply(), StartsWith("+ create user zed"));
}

TEST_F(AccessFiles, TomlRefusesAKeyThatComesTwice) {
    EXPECT_THAT(refused("z.toml", "UserName = \"amy\"\nUserName = \"zed\"\n"),
                StartsWith((folder_ / "z.toml").string() + ":2:"));
    EXPECT_THAT(refused("z.toml",
                        "UserName = \"zed\"\n[[InlinePolicies]]\nPolicyName = \"p\"\n"
                        "PolicyDocument = {Effect = \"Deny\", Effect = \"Allow\"}\n"),
                StartsWith((folder_ / "z.toml").string() + ":4:"));
    EXPECT_EQ(world_.records().find<User>("zed"), nullptr);
}

TEST_F(AccessFiles, AMemberThatComesTwiceInADocumentsTextIsRefused) {
    const std::string once = R"({\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",)"
                             R"(\"Action\":\"iam:GetUser\",\"Resource\":\"*\"}]})";
    const auto twice = std::string(once).insert(once.find(R"(\"Effect)"), R"(\"Effect\":\"Deny\",)");
    const auto content = [](const std::string& text) {
        return "{\"PolicyName\":\"p\",\"PolicyDocument\":\n\"" + text + "\"}";
    };
    EXPECT_THAT(refused("p.json", content(twice)),
                AllOf(StartsWith((folder_ / "p.json").string() + ":2:1: policy 'p': document: "),
                      HasSubstr("Effect"), HasSubstr("of the document's text")));
    EXPECT_EQ(world_.records().find<ManagedPolicy>("p"), nullptr);
    // Also when the last of both is what is in force.
    EXPECT_THAT(refused("p.json", content(once)), StartsWith("+ create policy p"));
    EXPECT_THAT(refused("p.json", content(twice)), HasSubstr("policy 'p': document: "));
}

TEST_F(AccessFiles, AMistakeInADocumentIsShownWhereItStands) {
    // Characters of two bytes and escapes before the mistake, and layout that is not sent.
    const std::string content = user_with(R"({
    "Version": "2012-10-17",
    "Statement": [
      { "Sid": "a\u0041", "Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalTag/ä\"ü": ["é , x"]}} },
      { "Action": "*",
        "Effect":  "allow", "Resource": "*" }
    ]
  })");
    for (const std::string name : {"users/z.json", "z.json"}) {
        EXPECT_THAT(refused(name, content), AllOf(StartsWith(place(name, content, "\"allow\"") +
                                                             "user 'zed': inline policy 'p': Invalid effect"),
                                                  Not(HasSubstr("(line"))));
    }
    const std::string role = R"({"RoleName": "r", "AssumeRolePolicyDocument": {"Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole", "Resource": "*"}]}})";
    EXPECT_THAT(refused("r.json", role),
                StartsWith(place("r.json", role, "\"Resource\"") + "role 'r': trust policy: "));
    const std::string several = R"({"Groups": [{"GroupName": "a"}, {"GroupName": "b"}],
        "Policies": [{"PolicyName": "p", "PolicyDocument": {"Version": "2013", "Statement": []}}]})";
    EXPECT_THAT(refused("all.json", several),
                StartsWith(place("all.json", several, "\"2013\"") + "policy 'p': document: "));
    const std::string listener =
        R"({"ListenerName": "app", "PolicyDocument": {"Version": "2012-10-17", "Statement": [7]}})";
    EXPECT_THAT(refused("l.json", listener),
                StartsWith(place("l.json", listener, "7]") + "listener 'app': document: "));
}

TEST_F(AccessFiles, AMistakeInATomlFileIsShownWhereItStands) {
    const std::string content =
        "UserName = \"zed\"\n"
        "[[InlinePolicies]]\n"
        "PolicyName = \"p\"\n"
        "[InlinePolicies.PolicyDocument]\n"
        "Version = \"2012-10-17\"\n"
        "[[InlinePolicies.PolicyDocument.Statement]]\n"
        "Action = \"*\"\n"
        "Resource = \"*\"\n"
        "Effect = \"allow\"\n";
    EXPECT_THAT(refused("z.toml", content),
                StartsWith(place("z.toml", content, "\"allow\"") + "user 'zed': inline policy 'p': Invalid"));
}

TEST_F(AccessFiles, WhatIsRefusedNamesTheFileAndTheEntity) {
    const auto about_zed = [&](const std::string& members) {
        const auto content =
            "{\"Groups\": [{\"GroupName\": \"ops\"}],\n \"Users\": [\n  {\"UserName\": \"zed\", " + members +
            "}]}";
        const auto said = refused("all.json", content);
        EXPECT_THAT(said, StartsWith(place("all.json", content, "{\"UserName\"") + "user 'zed': "));
        return said;
    };
    EXPECT_THAT(about_zed(R"("Tags": [{"Key": "aws:x", "Value": ""}])"), HasSubstr("The tag key 'aws:x'"));
    EXPECT_THAT(about_zed(R"("Groups": ["nogroup"])"), HasSubstr("group with name nogroup cannot be found"));
    EXPECT_THAT(about_zed(R"("AttachedPolicies": ["arn:aws:iam::111122223333:policy/none"])"),
                HasSubstr("policy/none does not exist"));
    EXPECT_THAT(about_zed(R"("PermissionsBoundary": "arn:aws:iam::111122223333:policy/none")"),
                HasSubstr("policy/none does not exist"));
    EXPECT_THAT(about_zed(R"("Expires": "tomorrow")"), HasSubstr("Expires must be a time"));
    EXPECT_THAT(about_zed(R"("Identities": [{"Kind": "spiffe", "Value": "spiffe://t/root"}])"),
                HasSubstr("root has"));
    EXPECT_THAT(about_zed(R"("Path": "no-slash")"), HasSubstr("validation error"));
    EXPECT_THAT(refused("all.json", R"({"Users": [{"UserName": "ROOT"}]})"),
                AllOf(HasSubstr("all.json:1:12: user 'ROOT': "), HasSubstr("already exists")));

    only("a.json", R"({"UserName": "zed"})");
    file("b.json",
         "\n"
         R"({"Users": [{"UserName": "zed"}]})");
    EXPECT_THAT(apply(),
                AllOf(StartsWith((folder_ / "b.json").string() + ":2:12: user 'zed' is in the files twice"),
                      HasSubstr((folder_ / "a.json").string() + ":1:1")));
}

TEST_F(AccessFiles, AReviewerSeesWhatChanges) {
    const std::string zed = R"({"UserName":"zed","Groups":["devs"],"AttachedPolicies":[")" +
                            std::string(kReadWrite) + R"("],"PermissionsBoundary":")" + kReadWrite +
                            R"(","InlinePolicies":[{"PolicyName":"p","PolicyDocument":{"Version":"2012-10-17",
          "Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}}]})";
    const auto group = [](const std::string& effect) {
        return R"({"GroupName":"devs","InlinePolicies":[{"PolicyName":"g","PolicyDocument":{"Version":"2012-10-17",
          "Statement":[{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"},
                       {"Effect":")" +
               effect + R"(","Action":"secretsmanager:*","Resource":"*"}]}}]})";
    };
    file("zed.json", zed);
    file("devs.json", group("Deny"));
    EXPECT_EQ(
        apply(),
        "+ create group devs: inline policies: +g\n"
        "    inline policy g:\n"
        "    + {\"Effect\":\"Allow\",\"Action\":\"iam:GetUser\",\"Resource\":\"*\"}\n"
        "    + {\"Effect\":\"Deny\",\"Action\":\"secretsmanager:*\",\"Resource\":\"*\"}\n"
        "+ create user zed: attached policies: +arn:aws:iam::aws:policy/SecretsManagerReadWrite; inline "
        "policies: +p; permissions boundary: none -> "
        "arn:aws:iam::aws:policy/SecretsManagerReadWrite; groups: +devs\n"
        "    inline policy p:\n"
        "    + {\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}\n");
    EXPECT_EQ(apply(), "");
    file("devs.json", group("Allow"));
    EXPECT_EQ(apply(),
              "~ update group devs: inline policies: ~g\n"
              "    inline policy g:\n"
              "    - {\"Effect\":\"Deny\",\"Action\":\"secretsmanager:*\",\"Resource\":\"*\"}\n"
              "    + {\"Effect\":\"Allow\",\"Action\":\"secretsmanager:*\",\"Resource\":\"*\"}\n");
}

}  // namespace
}  // namespace coffer::iam
