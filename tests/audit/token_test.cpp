// Checkpoints signed in a token with Coffer's audit key (C_Sign, CKM_ECDSA), verified with its public half
// alone.

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <memory>

#include "audit_fixture.hpp"
#include "crypto/attributes.hpp"
#include "crypto/key_ring.hpp"
#include "crypto/pkcs11_error.hpp"
#include "tests/support/tokens.hpp"

namespace coffer::audit {
namespace {

using testing::TokenKind;

using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

/// From CKA_EC_POINT: an OCTET STRING (04 41) around the 65 bytes of an uncompressed point.
KeyPtr public_key(const crypto::Session& session) {
    const auto keys = crypto::find_keys(session);
    auto point = crypto::read_attribute(session, keys.audit_public_key.value(), CKA_EC_POINT).value();
    if (point.size() == 67) point.erase(point.begin(), point.begin() + 2);
    const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
        EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr), EVP_PKEY_CTX_free);
    std::string group = "prime256v1";
    std::array params = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
        OSSL_PARAM_construct_end()};
    EVP_PKEY* raw = nullptr;
    if (EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_PUBLIC_KEY, params.data()) != 1) {
        throw std::runtime_error("not a point");
    }
    return {raw, EVP_PKEY_free};
}

std::string pem_of(EVP_PKEY* key) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_PUBKEY(out.get(), key);
    char* data = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
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
        const auto key = public_key(session);
        keys.add_pem(pem_of(key.get()));
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
