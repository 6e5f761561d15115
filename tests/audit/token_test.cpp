// Checkpoints signed in a token with Coffer's audit key (C_Sign, CKM_ECDSA), verified with its public half
// alone.

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>

#include "audit_fixture.hpp"
#include "crypto/audit_public_key.hpp"
#include "crypto/key_ring.hpp"
#include "crypto/pkcs11_error.hpp"
#include "tests/support/tokens.hpp"

namespace coffer::audit {
namespace {

using testing::TokenKind;

using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

/// The public half of the token's audit key: what daemons and coffer-hsm audit-key give away.
std::string public_pem(const crypto::Session& session) {
    return crypto::p256_public_key_pem(session, crypto::find_keys(session).audit_public_key.value());
}

KeyPtr key_of(const std::string& pem) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> in(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    return {PEM_read_bio_PUBKEY(in.get(), nullptr, nullptr, nullptr), EVP_PKEY_free};
}

class TokenSigner final : public CheckpointSigner {
public:
    TokenSigner(const crypto::Session& session, Digest id) : session_(session), id_(id) {}
    [[nodiscard]] Digest key_id() const override { return id_; }
    [[nodiscard]] EcdsaSignature sign(const Digest& digest) override {
        CK_MECHANISM mechanism{CKM_ECDSA, nullptr, 0};
        auto input = digest;
        EcdsaSignature signature{};
        CK_ULONG size = signature.size();
        crypto::check("C_SignInit",
                      session_.functions().C_SignInit(session_.handle(), &mechanism,
                                                      crypto::find_keys(session_).audit_private_key.value()));
        crypto::check("C_Sign", session_.functions().C_Sign(session_.handle(), input.data(), input.size(),
                                                            signature.data(), &size));
        return signature;
    }

private:
    const crypto::Session& session_;
    const Digest id_;
};

class TokenTest : public ::testing::TestWithParam<TokenKind> {};

TEST_P(TokenTest, SignsCheckpoints) {
    const auto token = testing::TestToken::make(GetParam());
    const testing::AuditFolder folder;
    const SystemClock clock;
    const auto directory = folder.sub("audit");
    CheckpointKeys keys;
    token.with_session([&](const crypto::Session& session, const auto&, auto) {
        const auto pem = public_pem(session);
        const auto key = key_of(pem);
        keys.add_pem(pem);
        const auto signer = std::make_shared<TokenSigner>(session, key_id_of(key.get()));
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

INSTANTIATE_TEST_SUITE_P(Tokens, TokenTest, ::testing::ValuesIn(testing::all_token_kinds()),
                         [](const auto& kind) { return std::string(testing::to_text(kind.param)); });

}  // namespace
}  // namespace coffer::audit
