// Finding a token, logging in and making keys, on both modules.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "crypto/attributes.hpp"
#include "crypto/key_factory.hpp"
#include "crypto/key_names.hpp"
#include "crypto/key_ring.hpp"
#include "crypto/objects.hpp"
#include "crypto/pkcs11_error.hpp"
#include "tests/support/tokens.hpp"

namespace coffer::crypto {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TestToken;
using testing::TokenKind;

std::string message_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& e) {
        return e.what();
    }
    return "";
}

class TokenTest : public ::testing::TestWithParam<TokenKind> {};

INSTANTIATE_TEST_SUITE_P(Tokens, TokenTest, ::testing::ValuesIn(testing::all_token_kinds()),
                         [](const auto& parameter) {
                             return std::string(testing::to_text(parameter.param));
                         });

TEST_P(TokenTest, FindsTheKeysThatTheFactoryMade) {
    const auto token = TestToken::make(GetParam());
    token.with_session([](const Session& session, const Module&, SlotId) {
        const auto keys = find_keys(session);
        ASSERT_EQ(keys.master_keys.size(), 1U);
        EXPECT_EQ(keys.master_keys[0].name, "main");
        EXPECT_EQ(keys.master_keys[0].ref.generation, 1U);
        ASSERT_EQ(keys.seal_keys.size(), 1U);
        EXPECT_EQ(keys.seal_keys[0].generation, 1U);
        ASSERT_NE(keys.audit_key(), nullptr);
        EXPECT_EQ(keys.audit_key()->generation, 1U);
    });
}

TEST_P(TokenTest, MasterKeysCannotBeReadAndNeitherCanTheirCopies) {
    const auto token = TestToken::make(GetParam());
    token.with_session([](const Session& session, const Module&, SlotId) {
        const auto keys = find_keys(session);
        const KeyRing ring(session, keys, true);
        EXPECT_TRUE(ring.copied());
        for (const auto handle :
             {keys.master_keys[0].handle, *ring.find(keys.master_keys[0].ref), *ring.seal_key(1)}) {
            EXPECT_EQ(read_boolean(session, handle, CKA_SENSITIVE), true);
            EXPECT_EQ(read_boolean(session, handle, CKA_EXTRACTABLE), false);
            std::array<std::uint8_t, 64> out{};
            CK_ATTRIBUTE value{CKA_VALUE, out.data(), out.size()};
            EXPECT_EQ(session.functions().C_GetAttributeValue(session.handle(), handle, &value, 1),
                      CKR_ATTRIBUTE_SENSITIVE);
        }
        EXPECT_NE(ring.find(keys.master_keys[0].ref), keys.master_keys[0].handle);
    });
}

TEST_P(TokenTest, GenerationsRiseAndNamesAreTakenOnce) {
    const auto token = TestToken::make(GetParam());
    token.with_session([](const Session& session, const Module&, SlotId) {
        KeyFactory factory(session);
        const auto first = find_keys(session).master_keys.at(0).ref;
        const auto second = factory.make_next_generation("main");
        EXPECT_EQ(second.id, first.id);
        EXPECT_EQ(second.generation, 2U);
        EXPECT_THROW((void)factory.make_master_key("main"), Error);
        EXPECT_THROW((void)factory.make_next_generation("other"), Error);
        EXPECT_THROW(factory.make_seal_key(), Error);
        EXPECT_THROW(factory.make_audit_key(), Error);
        (void)factory.make_master_key("team/payments");
        const KeyRing ring(session, find_keys(session), false);
        ASSERT_EQ(ring.infos().size(), 2U);
        EXPECT_EQ(ring.infos()[0].newest_generation, 2U);
        EXPECT_EQ(ring.newest(first.id), second);
        EXPECT_EQ(ring.infos()[1].name, "team/payments");
    });
}

TEST_P(TokenTest, AuditKeysHaveGenerations) {
    const auto token = TestToken::make(GetParam());
    token.with_session([](const Session& session, const Module&, SlotId) {
        KeyFactory factory(session);
        EXPECT_THROW(destroy_audit_key(session, 1), Error) << "it is the only one";
        factory.make_audit_generation(2);
        EXPECT_THROW(factory.make_audit_generation(2), Error);
        EXPECT_THROW(factory.make_audit_generation(1), Error);
        const KeyRing ring(session, find_keys(session), false);
        ASSERT_EQ(ring.audit_keys().size(), 2U);
        EXPECT_EQ(ring.audit_keys()[1].generation, 2U);
        EXPECT_NE(ring.audit_keys()[0].public_key, ring.audit_keys()[1].public_key);
        EXPECT_NE(ring.audit_key(1), ring.audit_key(2));
        EXPECT_FALSE(ring.audit_key(3));
        destroy_audit_key(session, 1);
        destroy_audit_key(session, 1);
        const auto keys = find_keys(session).audit_keys;
        ASSERT_EQ(keys.size(), 1U) << "both halves are gone";
        EXPECT_EQ(keys[0].generation, 2U);
    });
}

TEST_P(TokenTest, SealKeysHaveGenerations) {
    const auto token = TestToken::make(GetParam());
    token.with_session([](const Session& session, const Module&, SlotId) {
        KeyFactory factory(session);
        EXPECT_THROW(destroy_seal_key(session, 1), Error) << "it is the only one";
        factory.make_seal_generation(2);
        EXPECT_THROW(factory.make_seal_generation(2), Error);
        EXPECT_THROW(factory.make_seal_generation(1), Error);
        const KeyRing ring(session, find_keys(session), false);
        EXPECT_EQ(ring.seal_generations(), (std::vector<std::uint32_t>{1, 2}));
        EXPECT_NE(ring.seal_key(1), ring.seal_key(2));
        EXPECT_FALSE(ring.seal_key(3));
        destroy_seal_key(session, 1);
        destroy_seal_key(session, 1);
        ASSERT_EQ(find_keys(session).seal_keys.size(), 1U);
        EXPECT_EQ(find_keys(session).seal_keys[0].generation, 2U);
    });
}

TEST(KeyNames, AuditKeyLabelsHaveOneSpelling) {
    EXPECT_EQ(audit_key_label(12), "coffer/audit/12");
    EXPECT_EQ(parse_audit_key_label("coffer/audit/12"), 12U);
    for (const auto* text : {"coffer/audit/", "coffer/audit/0", "coffer/audit/01", "coffer/audit/1x",
                             "coffer/audit/4294967296", "coffer/seal/1", ""}) {
        EXPECT_FALSE(parse_audit_key_label(text)) << text;
    }
}

TEST_P(TokenTest, TwoKeysThatMatchAreRefusedByName) {
    if (GetParam() == TokenKind::nss) GTEST_SKIP() << "an NSS database holds one key for each CKA_ID";
    const auto token = TestToken::make(GetParam());
    token.with_session([](const Session& session, const Module&, SlotId) {
        // A copy as a token object has the same label and the same CKA_ID.
        Template same;
        same.boolean(CKA_TOKEN, true);
        CK_OBJECT_HANDLE twin = CK_INVALID_HANDLE;
        const auto key = find_keys(session).master_keys.at(0);
        ASSERT_EQ(
            session.functions().C_CopyObject(session.handle(), key.handle, same.data(), same.size(), &twin),
            CKR_OK);
        const auto message = message_of([&] { (void)find_keys(session); });
        EXPECT_THAT(message,
                    HasSubstr("two keys with id " + key.ref.id.value().text() + " and generation 1"));
        EXPECT_THAT(message, HasSubstr("coffer/master/main/1"));
    });
}

TEST_P(TokenTest, OneNameWithTwoIdsIsRefused) {
    const auto token = TestToken::make(GetParam());
    token.with_session([](const Session& session, const Module&, SlotId) {
        const auto other = master_key_cka_id({.id = MasterKeyId(Uuid::random()), .generation = 1});
        Template changed;
        changed.boolean(CKA_TOKEN, true).bytes(CKA_ID, other);
        CK_OBJECT_HANDLE twin = CK_INVALID_HANDLE;
        const auto key = find_keys(session).master_keys.at(0);
        ASSERT_EQ(session.functions().C_CopyObject(session.handle(), key.handle, changed.data(),
                                                   changed.size(), &twin),
                  CKR_OK);
        EXPECT_THAT(message_of([&] { (void)find_keys(session); }),
                    HasSubstr("two master keys named \"main\""));
    });
}

TEST_P(TokenTest, AMasterKeyThatCanBeReadIsRefused) {
    const auto token = TestToken::make(GetParam(), false);
    token.with_session([](const Session& session, const Module&, SlotId) {
        const auto id = master_key_cka_id({.id = MasterKeyId(Uuid::random()), .generation = 1});
        Template weak;
        weak.number(CKA_CLASS, CKO_SECRET_KEY)
            .number(CKA_KEY_TYPE, CKK_AES)
            .number(CKA_VALUE_LEN, 32)
            .text(CKA_LABEL, "coffer/master/weak/1")
            .bytes(CKA_ID, id)
            .boolean(CKA_TOKEN, true)
            .boolean(CKA_SENSITIVE, true)
            .boolean(CKA_EXTRACTABLE, true)
            .boolean(CKA_WRAP, true)
            .boolean(CKA_UNWRAP, true);
        CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
        CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
        ASSERT_EQ(
            session.functions().C_GenerateKey(session.handle(), &mechanism, weak.data(), weak.size(), &key),
            CKR_OK);
        const auto message = message_of([&] { (void)find_keys(session); });
        EXPECT_THAT(message, HasSubstr("coffer/master/weak/1"));
        EXPECT_THAT(message, HasSubstr("CKA_EXTRACTABLE true"));
    });
}

TEST_P(TokenTest, ARefusedPinIsNotTriedAgainUntilItsFileChanges) {
    const auto token = TestToken::make(GetParam());
    const auto config = token.hsm_config();
    const auto module = Module::load(config.module, config.module_arguments());
    const auto slot = find_token(*module, parse_token_uris(config.token_uris)).slot;
    PinGuard guard;
    const auto open = [&] { (void)AnchorSession::open(*module, slot, config.pin, guard); };

    token.write_pin_file("wrong-pin");
    EXPECT_THAT(message_of(open), HasSubstr("refused the PIN in " + token.pin_file().string()));
    const auto second = message_of(open);
    EXPECT_THAT(second, HasSubstr("does not try it again until the file has another PIN"));
    EXPECT_THAT(second, Not(HasSubstr("wrong-pin")));
    token.write_pin_file(TestToken::pin());
    EXPECT_NO_THROW(open());
}

TEST_P(TokenTest, AnotherLoginOfTheProcessIsSuccess) {
    const auto token = TestToken::make(GetParam());
    token.with_session([&](const Session&, const Module& module, SlotId slot) {
        PinGuard guard;
        const auto pin = PinSource::from_file(token.pin_file());
        auto second = AnchorSession::open(module, slot, pin, guard);
        EXPECT_TRUE(second.session().user_logged_in());
    });
}

TEST_P(TokenTest, SurvivesBeingReinitialized) {
    const auto token = TestToken::make(GetParam());
    const auto config = token.hsm_config();
    const auto module = Module::load(config.module, config.module_arguments());
    for (int round = 0; round < 3; ++round) {
        {
            const auto slot = find_token(*module, parse_token_uris(config.token_uris)).slot;
            PinGuard guard;
            auto anchor = AnchorSession::open(*module, slot, config.pin, guard);
            EXPECT_EQ(find_keys(anchor.session()).master_keys.size(), 1U);
        }
        module->reinitialize();
    }
}

TEST_P(TokenTest, ATokenThatIsNotThereIsNamedTogetherWithThoseThatAre) {
    const auto token = TestToken::make(GetParam());
    const auto config = token.hsm_config();
    const auto module = Module::load(config.module, config.module_arguments());
    const auto message =
        message_of([&] { (void)find_token(*module, TokenUri::parse("pkcs11:token=nowhere")); });
    EXPECT_THAT(message, HasSubstr("pkcs11:token=nowhere"));
    EXPECT_THAT(message, HasSubstr(GetParam() == TokenKind::nss ? "NSS Certificate DB" : "coffer-test"));
}

TEST(SoftHsmTokens, TwoWithOneLabelAreRefusedWithTheirSerials) {
    const auto token = TestToken::make(TokenKind::softhsm2, false);
    token.add_token("coffer-test");
    token.add_token("spare");
    const auto module = Module::load(token.module(), "");
    std::vector<std::string> serials;
    for (const auto& info : list_tokens(*module)) {
        if (info.label == "coffer-test") serials.push_back(info.serial);
    }
    ASSERT_EQ(serials.size(), 2U);
    const auto message = message_of([&] { (void)find_token(*module, TokenUri::parse(token.uri())); });
    EXPECT_THAT(message, HasSubstr(serials[0]));
    EXPECT_THAT(message, HasSubstr(serials[1]));
    const auto one = find_token(*module, TokenUri::parse(token.uri() + ";serial=" + serials[1]));
    EXPECT_EQ(one.serial, serials[1]);
}

TEST(SoftHsmTokens, OfAListOfUrisExactlyOneTokenMayBeThere) {
    const auto token = TestToken::make(TokenKind::softhsm2, false);
    token.add_token("spare");
    const auto module = Module::load(token.module(), "");
    std::map<std::string, std::string> serials;
    for (const auto& info : list_tokens(*module)) serials[info.label] = info.serial;
    ASSERT_EQ(serials.size(), 2U);
    const auto by_serial = [&](const std::string& label) { return "pkcs11:serial=" + serials.at(label); };
    const auto find = [&](const std::vector<std::string>& uris) {
        return find_token(*module, parse_token_uris(uris));
    };
    // The other is not there, in whatever order.
    EXPECT_EQ(find({"pkcs11:serial=0000", by_serial("spare")}).label, "spare");
    EXPECT_EQ(find({by_serial("coffer-test"), "pkcs11:serial=0000"}).label, "coffer-test");
    // One token that two URIs name is one token.
    EXPECT_EQ(find({"pkcs11:token=spare", by_serial("spare")}).label, "spare");
    // Both are there.
    const auto both = message_of([&] { (void)find({by_serial("coffer-test"), by_serial("spare")}); });
    for (const auto& [label, serial] : serials) {
        EXPECT_THAT(both, AllOf(HasSubstr("\"" + label + "\""), HasSubstr("serial \"" + serial + "\"")));
    }
    EXPECT_THAT(both, HasSubstr("only one"));
    // Neither is.
    const auto neither = message_of([&] { (void)find({"pkcs11:serial=0000", "pkcs11:token=gone"}); });
    EXPECT_THAT(neither, AllOf(HasSubstr("pkcs11:serial=0000"), HasSubstr("pkcs11:token=gone"),
                               HasSubstr(serials.at("spare"))));
}

TEST(TokenUris, AListHasOneToSixteenGoodUris) {
    EXPECT_THAT(message_of([] { (void)parse_token_uris({}); }), HasSubstr("no token URI"));
    const std::vector<std::string> many(17, "pkcs11:token=t");
    EXPECT_THAT(message_of([&] { (void)parse_token_uris(many); }), AllOf(HasSubstr("17"), HasSubstr("16")));
    EXPECT_EQ(parse_token_uris({many.begin(), many.end() - 1}).size(), 16U);
    EXPECT_THAT(message_of([] {
                    (void)parse_token_uris({"pkcs11:token=t", "pkcs11:slot-id=1"});
                }),
                HasSubstr("slot"));
    EXPECT_THAT(message_of([] { (void)TokenUri::parse(std::string("pkcs11:token=t\0;x", 17)); }),
                HasSubstr("NUL"));
}

TEST(TokenUriTest, RefusesWhatIsFragileOrSecret) {
    EXPECT_THAT(message_of([] { (void)TokenUri::parse("pkcs11:slot-id=3;token=a"); }), HasSubstr("slot"));
    const auto pin = message_of([] { (void)TokenUri::parse("pkcs11:token=a?pin-value=1234"); });
    EXPECT_THAT(pin, HasSubstr("pin-value"));
    EXPECT_THAT(pin, Not(HasSubstr("1234")));
    EXPECT_THAT(message_of([] { (void)TokenUri::parse("pkcs11:manufacturer=m"); }), HasSubstr("token="));
    EXPECT_THAT(message_of([] { (void)TokenUri::parse("coffer"); }), HasSubstr("RFC 7512"));
    EXPECT_THAT(message_of([] { (void)TokenUri::parse("pkcs11:tokn=a"); }), HasSubstr("not known"));
}

TEST(ModuleTest, SaysWhatIsWrongWithAFile) {
    EXPECT_THAT(message_of([] { (void)Module::load("/nonexistent/module.so", ""); }),
                HasSubstr("/nonexistent/module.so"));
    EXPECT_THAT(message_of([] { (void)Module::load("libm.so.6", ""); }), HasSubstr("not a PKCS#11 module"));
}

TEST(KeyNames, RoundTrip) {
    const MasterKeyRef ref{.id = MasterKeyId(*Uuid::parse("00112233-4455-6677-8899-aabbccddeeff")),
                           .generation = 258};
    // By hand: the id's 16 bytes, then 258 = 0x00000102.
    EXPECT_EQ(to_hex(master_key_cka_id(ref)), "00112233445566778899aabbccddeeff00000102");
    EXPECT_EQ(parse_master_key_cka_id(master_key_cka_id(ref)), ref);
    EXPECT_EQ(master_key_label("a/b", 7), "coffer/master/a/b/7");
    const auto parsed = parse_master_key_label("coffer/master/a/b/7");
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->name, "a/b");
    EXPECT_EQ(parsed->generation, 7U);
    for (const auto* bad : {"coffer/master/a", "coffer/master//1", "coffer/master/a/01", "coffer/master/a/0",
                            "coffer/master/a/1x", "coffer/master/a/4294967296", "coffer/seal/1", ""}) {
        EXPECT_FALSE(parse_master_key_label(bad)) << bad;
    }
}

}  // namespace
}  // namespace coffer::crypto
