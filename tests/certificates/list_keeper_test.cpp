// Revocation lists that are kept fresh, and certificates that are superseded: on two nodes.

#include "daemon/certificates/list_keeper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <set>

#include "authority_fixture.hpp"

namespace coffer::certificates {
namespace {

using std::chrono::hours;

/// A node's lists and its keeper, which looks when it is told to.
struct KeepingNode {
    RevocationLists lists;
    std::vector<std::string> failures{};
    int signed_lists = 0;
    std::vector<std::string> superseded{};
    std::set<std::string> in_use{};
    ListKeeper keeper;

    KeepingNode(secrets::Node& node, const Clock& clock, Authorities authorities)
        : lists(std::move(authorities), std::chrono::hours(24 * 36'500)),
          keeper({lists, node.database(), clock, &node.trail(),
                  [this](const storage::StoredSecret&) { return in_use; }},
                 {[this](const auto&, auto) { ++signed_lists; },
                  [this](const auto&, const std::string& serial) { superseded.push_back(serial); },
                  [this](const auto&, const std::string& reason) { failures.push_back(reason); }}) {}
};

class ListKeeperTest : public AuthorityTest {
protected:
    KeepingNode& first() {
        if (!first_) first_ = make(environment().node());
        return *first_;
    }
    KeepingNode& second() {
        if (!second_) second_ = make(environment().second_node());
        return *second_;
    }
    static Bytes newest(const KeepingNode& node) { return node.lists.newest("p256").value_or(Bytes{}); }

    static std::string token() { return Uuid::random().text(); }
    /// A new secret; its name.
    static std::string stored() {
        v1::CreateSecretRequest request;
        request.set_name("certificates/" + token());
        request.set_client_request_token(token());
        request.set_secret_string("x");
        environment().node().call(request);
        return request.name();
    }
    static void put(const std::string& name) {
        v1::PutSecretValueRequest request;
        request.set_secret_id(name);
        request.set_client_request_token(token());
        request.set_secret_string(token());
        environment().node().call(request);
    }
    /// As if the present version of the secret had a certificate with this serial number.
    static void issued(const std::string& name, const std::string& serial, bool revoke_superseded = true) {
        execute(
            "INSERT INTO issued_certificates (authority, issuer, serial, function, secret_arn, secret_name, "
            "version_id, names, "
            "issued, not_before, not_after, revoke_superseded) SELECT 'p256', '', '" +
            serial +
            "', 'f', s.arn, s.name, "
            "l.version_id, 'x', now(), now(), timestamptz 'epoch' + interval '1 second' * " +
            std::to_string(now().millis() / 1000 + 86400 * 30) + (revoke_superseded ? ", true" : ", false") +
            " FROM secrets s JOIN staging_labels l ON l.secret_id = s.id AND l.label = 'AWSCURRENT' WHERE "
            "s.name = '" +
            name + "'");
    }

private:
    static std::unique_ptr<KeepingNode> make(secrets::Node& node) {
        return std::make_unique<KeepingNode>(node, environment().clock(),
                                             Authorities{authority("p256", node.name() + ".crl")});
    }
    void TearDown() override {
        for (const auto* name : {"node-1.crl", "node-2.crl"}) std::filesystem::remove(file(name));
    }
    std::unique_ptr<KeepingNode> first_;
    std::unique_ptr<KeepingNode> second_;
};

TEST_F(ListKeeperTest, OneNodeMakesTheListAndBothHaveIt) {
    first().keeper.run_once();
    EXPECT_EQ(first().signed_lists, 1);
    second().keeper.run_once();
    EXPECT_EQ(second().signed_lists, 0);
    EXPECT_FALSE(newest(first()).empty());
    EXPECT_EQ(newest(first()), newest(second()));
    for (const auto* name : {"node-1.crl", "node-2.crl"}) {
        std::ifstream in(file(name), std::ios::binary);
        EXPECT_EQ(Bytes(std::istreambuf_iterator<char>(in), {}), newest(first())) << name;
    }
    // Good for seven days; nothing to do before half of them.
    environment().clock().advance(hours(83));
    first().keeper.run_once();
    EXPECT_EQ(first().signed_lists, 1);
    environment().clock().advance(hours(2));
    second().keeper.run_once();
    EXPECT_EQ(second().signed_lists, 1);
    first().keeper.run_once();
    EXPECT_EQ(first().signed_lists, 1);
    EXPECT_EQ(newest(first()), newest(second()));
    EXPECT_TRUE(first().failures.empty());
    EXPECT_TRUE(second().failures.empty());
}

TEST_F(ListKeeperTest, WhatNoLabelNeedsIsSuperseded) {
    const auto name = stored();
    issued(name, "0a");
    put(name);
    issued(name, "0b", false);
    first().keeper.run_once();
    EXPECT_TRUE(first().superseded.empty()) << "it is AWSPREVIOUS";
    put(name);
    first().keeper.run_once();
    EXPECT_THAT(first().superseded, ::testing::ElementsAre("0a"));
    put(name);
    second().keeper.run_once();
    EXPECT_TRUE(second().superseded.empty()) << "revoke_superseded was off";
    EXPECT_EQ(revoked_in(newest(second())), "0a");
    EXPECT_EQ(revocations_of(parse_crl(newest(second())).get()).front().reason, RevocationReason::superseded);
}

TEST_F(ListKeeperTest, LabelsThatWereAlteredRevokeNothing) {
    const auto name = stored();
    issued(name, "0c");
    execute("DELETE FROM staging_labels WHERE secret_id = (SELECT id FROM secrets WHERE name = '" + name +
            "')");
    first().keeper.run_once();
    EXPECT_TRUE(first().superseded.empty());
    EXPECT_EQ(revoked_in(newest(first())), "");
}

TEST_F(ListKeeperTest, WhatALabelledValueHasIsNotSuperseded) {
    const auto name = stored();
    issued(name, "1a");
    for (int i = 0; i < 3; ++i) put(name);
    // As when a field of the secret was edited: newer versions have the same certificate.
    first().in_use = {"1a"};
    first().keeper.run_once();
    EXPECT_TRUE(first().superseded.empty());
    first().in_use.clear();
    first().keeper.run_once();
    EXPECT_THAT(first().superseded, ::testing::ElementsAre("1a"));
}

TEST_F(ListKeeperTest, ARowThatIsDeletedRevokesNothing) {
    const auto name = stored();
    issued(name, "1b");
    execute("DELETE FROM secrets WHERE name = '" + name + "'");
    first().keeper.run_once();
    EXPECT_TRUE(first().superseded.empty());
    EXPECT_EQ(revoked_in(newest(first())), "");
}

TEST_F(ListKeeperTest, WhatTheDatabaseHasLostIsSignedAtOnce) {
    first().keeper.run_once();
    execute("TRUNCATE certificate_revocation_lists");
    first().keeper.run_once(ListKeeper::Look::at_lists);
    EXPECT_EQ(first().signed_lists, 2);
    first().keeper.run_once(ListKeeper::Look::at_lists);
    EXPECT_EQ(first().signed_lists, 2);
}

TEST_F(ListKeeperTest, FilesAreForEverybodyToReadAndNobodysAreOverwritten) {
    const auto before = ::umask(0077);
    first().keeper.run_once();
    ::umask(before);
    using std::filesystem::perms;
    EXPECT_EQ(std::filesystem::status(file("node-1.crl")).permissions(),
              perms::owner_read | perms::owner_write | perms::group_read | perms::others_read);
    EXPECT_EQ(first().keeper.file_update("p256"), times_of(parse_crl(newest(first())).get()).this_update);
    std::ofstream(file("node-1.crl")) << "something else";
    first().keeper.run_once();
    ASSERT_EQ(first().failures.size(), 1U);
    EXPECT_THAT(first().failures[0], ::testing::HasSubstr("not overwritten"));
}

TEST_F(ListKeeperTest, AListThatIsNotTheAuthoritysIsToldOnce) {
    execute("INSERT INTO certificate_revocation_lists VALUES ('p256', decode('3000', 'hex'), now())");
    first().keeper.run_once();
    first().keeper.run_once();
    ASSERT_EQ(first().failures.size(), 1U);
    EXPECT_THAT(first().failures[0], ::testing::HasSubstr("not one that its key signed"));
    EXPECT_TRUE(newest(first()).empty());
}

TEST_F(ListKeeperTest, WhatEndedLongAgoIsForgotten) {
    const auto name = stored();
    issued(name, "0d");
    environment().clock().advance(hours(24 * 20));
    first().keeper.run_once();
    const auto rows = [] {
        pqxx::connection connection(environment().conninfo());
        pqxx::work tx(connection);
        return tx.exec1("SELECT count(*) FROM issued_certificates")[0].as<int>();
    };
    EXPECT_EQ(rows(), 1);
    environment().clock().advance(hours(24 * 411));
    first().keeper.run_once();
    EXPECT_EQ(rows(), 0);
}

}  // namespace
}  // namespace coffer::certificates
