// Checkpoints signed in a token with Coffer's audit key (C_Sign, CKM_ECDSA), verified with its public half
// alone.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "audit_fixture.hpp"
#include "crypto/audit_public_key.hpp"
#include "crypto/key_factory.hpp"
#include "crypto/key_ring.hpp"
#include "crypto/pkcs11_error.hpp"
#include "tests/support/tokens.hpp"

namespace coffer::audit {
namespace {

using testing::TokenKind;

/// Signs with the generations that the token holds, asked for each time. One call at a time: there is one
/// session.
class TokenSigner final : public CheckpointSigner {
public:
    explicit TokenSigner(const crypto::Session& session) : session_(session) {}
    [[nodiscard]] SigningKey newest() const override {
        const std::lock_guard lock(mutex_);
        return read(*crypto::find_keys(session_).audit_key());
    }
    [[nodiscard]] std::optional<SigningKey> find(std::uint32_t generation) const override {
        const std::lock_guard lock(mutex_);
        for (const auto& key : crypto::find_keys(session_).audit_keys) {
            if (key.generation == generation) return read(key);
        }
        return std::nullopt;
    }
    [[nodiscard]] EcdsaSignature sign(std::uint32_t generation, const Digest& digest) override {
        const std::lock_guard lock(mutex_);
        CK_MECHANISM mechanism{CKM_ECDSA, nullptr, 0};
        auto input = digest;
        EcdsaSignature signature{};
        CK_ULONG size = signature.size();
        const auto keys = crypto::find_keys(session_).audit_keys;
        const auto key = std::ranges::find(keys, generation, &crypto::FoundAuditKey::generation);
        crypto::check("C_SignInit", session_.functions().C_SignInit(session_.handle(), &mechanism,
                                                                    key->private_key.value()));
        crypto::check("C_Sign", session_.functions().C_Sign(session_.handle(), input.data(), input.size(),
                                                            signature.data(), &size));
        return signature;
    }
    void make_generation(std::uint32_t generation) {
        const std::lock_guard lock(mutex_);
        crypto::KeyFactory(session_).make_audit_generation(generation);
    }
    void destroy_generation(std::uint32_t generation) {
        const std::lock_guard lock(mutex_);
        crypto::destroy_audit_key(session_, generation);
    }

private:
    [[nodiscard]] SigningKey read(const crypto::FoundAuditKey& key) const {
        return signing_key(key.generation, crypto::p256_public_key_pem(session_, key.public_key.value()));
    }
    const crypto::Session& session_;
    mutable std::mutex mutex_;
};

class TokenTest : public ::testing::TestWithParam<TokenKind> {};

TEST_P(TokenTest, SignsCheckpoints) {
    const auto token = testing::TestToken::make(GetParam());
    const testing::AuditFolder folder;
    const SystemClock clock;
    const auto directory = folder.sub("audit");
    CheckpointKeys keys;
    token.with_session([&](const crypto::Session& session, const auto&, auto) {
        const auto signer = std::make_shared<TokenSigner>(session);
        keys.add(signer->newest());
        const auto journal = Journal::open(testing::small_config(directory), signer, nullptr, clock);
        for (int i = 0; i < 5; ++i) {
            (void)testing::append(*journal, testing::sample_event("a"));
            journal->checkpoint_now();
        }
        journal->close();
    });
    const auto report = verify_journal(directory, keys);
    EXPECT_TRUE(report.good()) << report.findings.front().message;
    EXPECT_GE(report.checkpoints, 6U);
}

TEST_P(TokenTest, GoesOverToTheNextGeneration) {
    const auto token = testing::TestToken::make(GetParam());
    const testing::AuditFolder folder;
    const SystemClock clock;
    const auto directory = folder.sub("audit");
    CheckpointKeys keys;
    token.with_session([&](const crypto::Session& session, const auto&, auto) {
        const auto signer = std::make_shared<TokenSigner>(session);
        keys.add(signer->newest());
        const auto journal = Journal::open(testing::small_config(directory), signer, nullptr, clock);
        (void)testing::append(*journal, testing::sample_event("a"));
        journal->checkpoint_now();
        signer->make_generation(2);
        journal->checkpoint_now();
        EXPECT_EQ(journal->status().signing_generation, 2U);
        signer->destroy_generation(1);
        EXPECT_FALSE(signer->find(1));
        EXPECT_THROW(signer->destroy_generation(2), Error);
        (void)testing::append(*journal, testing::sample_event("b"));
        journal->close();
    });
    const auto report = verify_journal(directory, keys);
    EXPECT_TRUE(report.good()) << report.findings.front().message;
    EXPECT_EQ(report.signing_generation, 2U);
}

INSTANTIATE_TEST_SUITE_P(Tokens, TokenTest, ::testing::ValuesIn(testing::all_token_kinds()),
                         [](const auto& kind) { return std::string(testing::to_text(kind.param)); });

}  // namespace
}  // namespace coffer::audit
