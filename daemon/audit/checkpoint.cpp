#include "daemon/audit/checkpoint.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <boost/json.hpp>
#include <limits>

#include "daemon/base/errors.hpp"
#include "daemon/base/free_with.hpp"

namespace coffer::audit {

namespace {

namespace json = boost::json;

constexpr std::string_view kDomain = "coffer/audit/checkpoint/v1";
constexpr std::size_t kHalf = 32;

using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free>>;
using KeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>>;
using EcdsaPtr = std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, FreeWith<BN_free>>;

/// The signature as OpenSSL wants it: DER. Empty when it cannot be made.
Bytes to_der(const EcdsaSignature& raw) {
    const EcdsaPtr signature(ECDSA_SIG_new());
    BignumPtr r(BN_bin2bn(raw.data(), kHalf, nullptr));
    BignumPtr s(BN_bin2bn(raw.data() + kHalf, kHalf, nullptr));
    if (!signature || !r || !s || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
    (void)r.release();  // the signature's now
    (void)s.release();
    const int size = i2d_ECDSA_SIG(signature.get(), nullptr);
    if (size <= 0) return {};
    Bytes der(static_cast<std::size_t>(size));
    auto* at = der.data();
    (void)i2d_ECDSA_SIG(signature.get(), &at);
    return der;
}

bool is_p256(const EVP_PKEY* key) {
    std::array<char, 64> group{};
    std::size_t size = 0;
    return EVP_PKEY_is_a(key, "EC") == 1 &&
           EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
           std::string_view(group.data(), size) == "prime256v1";
}

std::optional<std::string_view> text_member(const json::object& object, json::string_view name) {
    const auto* value = object.if_contains(name);
    const auto* text = value != nullptr ? value->if_string() : nullptr;
    if (text == nullptr) return std::nullopt;
    return std::string_view(text->data(), text->size());
}

std::optional<std::int64_t> number_member(const json::object& object, json::string_view name) {
    const auto* value = object.if_contains(name);
    const auto* number = value != nullptr ? value->if_int64() : nullptr;
    if (number == nullptr || *number < 0) return std::nullopt;
    return *number;
}

std::optional<Digest> digest_member(const json::object& object, json::string_view name) {
    const auto text = text_member(object, name);
    return text ? digest_from_text(*text) : std::nullopt;
}

std::optional<EcdsaSignature> signature_member(const json::object& object) {
    const auto text = text_member(object, "signature");
    if (!text) return std::nullopt;
    const auto bytes = strict_from_hex(*text);
    EcdsaSignature out{};
    if (!bytes || bytes->size() != out.size()) return std::nullopt;
    std::copy(bytes->begin(), bytes->end(), out.begin());
    return out;
}

std::optional<Checkpoint> from_object(const json::object& object) {
    const auto journal = text_member(object, "journal");
    const auto node = text_member(object, "node");
    const auto sequence = number_member(object, "sequence");
    const auto chain = digest_member(object, "chain");
    const auto previous = digest_member(object, "previous");
    const auto time = number_member(object, "timeMs");
    const auto* closing = object.if_contains("closing");
    const auto key = digest_member(object, "key");
    const auto signature = signature_member(object);
    if (!journal || !node || !sequence || !chain || !previous || !time || closing == nullptr ||
        !closing->is_bool() || !key || !signature) {
        return std::nullopt;
    }
    const auto id = Uuid::parse(*journal);
    if (!id) return std::nullopt;
    Checkpoint out;
    out.journal = *id;
    out.node = std::string(*node);
    out.state = {static_cast<std::uint64_t>(*sequence), *chain};
    out.previous = *previous;
    out.time = Timestamp::from_millis(*time);
    out.closing = closing->as_bool();
    out.key = *key;
    out.signature = *signature;
    return out;
}

}  // namespace

Digest signed_digest(const Checkpoint& checkpoint) {
    CanonicalEncoder encoder(kDomain);
    encoder.text(checkpoint.journal.text())
        .text(checkpoint.node)
        .number(static_cast<std::int64_t>(checkpoint.state.sequence))
        .bytes(checkpoint.state.chain)
        .bytes(checkpoint.previous)
        .number(checkpoint.time.millis())
        .boolean(checkpoint.closing)
        .bytes(checkpoint.key);
    return sha256({encoder.result()});
}

std::string to_json(const Checkpoint& checkpoint) {
    return json::serialize(json::object{{"format", 1},
                                        {"journal", checkpoint.journal.text()},
                                        {"node", json::string_view(checkpoint.node)},
                                        {"sequence", static_cast<std::int64_t>(checkpoint.state.sequence)},
                                        {"chain", to_text(checkpoint.state.chain)},
                                        {"previous", to_text(checkpoint.previous)},
                                        {"timeMs", checkpoint.time.millis()},
                                        {"closing", checkpoint.closing},
                                        {"key", to_text(checkpoint.key)},
                                        {"signature", to_hex(checkpoint.signature)}});
}

std::optional<Checkpoint> parse_checkpoint(std::string_view text) {
    boost::system::error_code error;
    const auto value = json::parse(json::string_view(text.data(), text.size()), error);
    if (error || !value.is_object()) return std::nullopt;
    auto checkpoint = from_object(value.get_object());
    if (!checkpoint || to_json(*checkpoint) != text) return std::nullopt;
    return checkpoint;
}

void CheckpointKeys::add_pem(std::string_view pem) {
    if (pem.size() > std::numeric_limits<int>::max()) throw Error("the public key's file is too long");
    const BioPtr source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    EVP_PKEY* raw = source ? PEM_read_bio_PUBKEY(source.get(), nullptr, nullptr, nullptr) : nullptr;
    if (raw == nullptr) {
        throw Error("not a public key in PEM: expected a block that begins with -----BEGIN PUBLIC KEY-----");
    }
    std::shared_ptr<EVP_PKEY> key(raw, FreeWith<EVP_PKEY_free>{});
    if (!is_p256(raw))
        throw Error("not an EC key on the curve P-256, which audit checkpoints are signed with");
    keys_.push_back({key_id_of(raw), std::move(key)});
}

bool CheckpointKeys::has(const Digest& key_id) const noexcept {
    return std::any_of(keys_.begin(), keys_.end(), [&](const Key& key) { return key.id == key_id; });
}

bool CheckpointKeys::verify(const Checkpoint& checkpoint) const {
    const auto found =
        std::find_if(keys_.begin(), keys_.end(), [&](const Key& key) { return key.id == checkpoint.key; });
    if (found == keys_.end()) return false;
    const auto digest = signed_digest(checkpoint);
    const auto der = to_der(checkpoint.signature);
    const KeyContextPtr context(EVP_PKEY_CTX_new(found->key.get(), nullptr));
    return context && !der.empty() && EVP_PKEY_verify_init(context.get()) == 1 &&
           EVP_PKEY_verify(context.get(), der.data(), der.size(), digest.data(), digest.size()) == 1;
}

Digest key_id_of(EVP_PKEY* key) {
    const int size = i2d_PUBKEY(key, nullptr);
    if (size <= 0) throw Error("the public key cannot be encoded");
    Bytes der(static_cast<std::size_t>(size));
    auto* at = der.data();
    (void)i2d_PUBKEY(key, &at);
    return sha256({der});
}

}  // namespace coffer::audit
