#include "crypto/envelope.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/data_key.hpp"
#include "crypto/gcm.hpp"
#include "crypto/hsm_impl.hpp"
#include "crypto/objects.hpp"
#include "crypto/payload_steps.hpp"
#include "crypto/pkcs11_error.hpp"

namespace coffer::crypto {

CK_OBJECT_HANDLE require_master_key(const HsmContext& context, const MasterKeyRef& ref) {
    const auto handle = context.ring().find(ref);
    if (!handle) {
        throw UnknownMasterKey(fmt::format("the token does not hold generation {} of master key {}",
                                           ref.generation, ref.id.value().text()));
    }
    return *handle;
}

CK_OBJECT_HANDLE require_wrapping_key(const HsmContext& context, const MasterKeyRef& ref,
                                      ByteView wrapped_key) {
    if (const auto handle = context.ring().find(ref)) return *handle;
    for (const auto& other : context.ring().refs()) {
        if (other.id != ref.id) continue;
        try {
            const ObjectGuard key(context.session(),
                                  unwrap_data_key(context.session(), context.profile().key_wrap,
                                                  require_master_key(context, other), wrapped_key));
        } catch (const Pkcs11Error& e) {
            if (!may_mean_altered(e.code())) throw;
            continue;
        }
        throw IntegrityError(
            fmt::format("the generation of master key {} was altered: the row says {}, and the data key is "
                        "wrapped under {}",
                        ref.id.value().text(), ref.generation, other.generation));
    }
    return require_master_key(context, ref);
}

void require_wrapped_length(ByteView wrapped_key) {
    if (wrapped_key.size() == kWrappedKeyBytes) return;
    throw IntegrityError("the stored data key is damaged: it has an odd length");
}

SecretBytes decrypt_segments(const Session& session, CK_OBJECT_HANDLE key, const PayloadLayout& layout,
                             const PayloadAad& aad) {
    // Room for one tag: what the token wants to have behind the last segment (gcm_decrypt).
    SecretBytes out(layout.plaintext_bytes() + kGcmTagBytes);
    std::size_t size = 0;
    for (std::size_t i = 0; i < layout.segments(); ++i) {
        size +=
            gcm_decrypt(session, key, layout.header().iv_bytes, aad.segment(i, i + 1 == layout.segments()),
                        layout.segment(i), out.writable().subspan(size));
    }
    if (size != layout.plaintext_bytes()) throw Pkcs11Error("C_Decrypt", CKR_OK, ErrorClass::module);
    out.truncate(size);
    return out;
}

namespace {

// ---- sealing

SealedPayload seal_payload(const HsmContext& context, const PayloadIdentity& identity, ByteView plaintext,
                           const MasterKeyId& master_key) {
    const auto newest = context.ring().newest(master_key);
    if (!newest) {
        throw UnknownMasterKey(
            fmt::format("the token does not hold master key {}", master_key.value().text()));
    }
    const Profile& profile = context.profile();
    const Session& session = context.session();
    const PayloadHeader header{.iv_mode = profile.iv_mode,
                               .iv_bytes = context.canary().iv_bytes(),
                               .segment_bytes = profile.max_call_bytes};
    SealedPayload sealed{.master_key = *newest, .wrapped_key = {}, .ciphertext = encode_header(header)};
    const PayloadAad aad(identity, master_key, sealed.ciphertext);
    const std::size_t segments = segment_count(plaintext.size(), header.segment_bytes);
    sealed.ciphertext.reserve(kPayloadHeaderBytes + plaintext.size() +
                              segments * (header.iv_bytes + kGcmTagBytes));

    const ObjectGuard key(session, generate_data_key(session, profile.wrap_with_trusted));
    for (std::size_t i = 0; i < segments; ++i) {
        const std::size_t at = i * header.segment_bytes;
        const auto segment = plaintext.subspan(at, std::min(header.segment_bytes, plaintext.size() - at));
        gcm_encrypt(session, key.get(), header.iv_mode, header.iv_bytes, aad.segment(i, i + 1 == segments),
                    segment, sealed.ciphertext);
    }
    sealed.wrapped_key =
        wrap_data_key(session, profile.key_wrap, require_master_key(context, *newest), key.get());
    return sealed;
}

// ---- opening

/// With the key that an earlier read left in the token; nothing when there is none, or when it does not do
/// any more: then it is dropped, and a fresh one decides what is wrong.
std::optional<SecretBytes> open_with_kept_key(const HsmContext& context, const SealedPayload& payload,
                                              const PayloadLayout& layout, const PayloadAad& aad) {
    const auto key = context.data_keys().find(payload.master_key, payload.wrapped_key);
    if (!key) return std::nullopt;
    try {
        return decrypt_segments(context.session(), key->handle(), layout, aad);
    } catch (const Pkcs11Error& e) {
        context.data_keys().forget(payload.wrapped_key);
        if (!may_mean_altered(e.code())) throw;
        return std::nullopt;
    }
}

SecretBytes open_payload(const HsmContext& context, const PayloadIdentity& identity,
                         const SealedPayload& payload) {
    const auto layout = PayloadLayout::parse(payload.ciphertext);
    require_wrapped_length(payload.wrapped_key);
    const auto master = require_wrapping_key(context, payload.master_key, payload.wrapped_key);
    const PayloadAad aad(identity, payload.master_key.id, layout.header_bytes());
    if (auto plaintext = open_with_kept_key(context, payload, layout, aad)) return std::move(*plaintext);

    const Session& session = context.session();
    ObjectGuard key(session, blaming_data_last(context, "the wrapped data key", [&] {
                        return unwrap_data_key(session, context.profile().key_wrap, master,
                                               payload.wrapped_key);
                    }));
    auto plaintext = blaming_data_last(context, "the ciphertext",
                                       [&] { return decrypt_segments(session, key.get(), layout, aad); });
    // Kept only now that it has proved itself; the cache destroys it from here on.
    (void)context.data_keys().put(payload.master_key, payload.wrapped_key, key.release());
    return plaintext;
}

}  // namespace

void Envelope::seal(PayloadIdentity identity, SecretBytes plaintext, MasterKeyId key, JobOptions options,
                    Completion<SealedPayload> completion) {
    if (plaintext.size() > kPayloadBytesMax) {
        return completion(std::make_exception_ptr(Error(fmt::format(
            "a payload of {} bytes is over the limit of {}", plaintext.size(), kPayloadBytesMax))));
    }
    hsm_.impl().submit<SealedPayload>(
        options, std::move(completion),
        [identity = std::move(identity), plaintext = std::move(plaintext), key](HsmContext& context) {
            return seal_payload(context, identity, plaintext.view(), key);
        });
}

void Envelope::open(PayloadIdentity identity, std::shared_ptr<const SealedPayload> payload,
                    JobOptions options, Completion<SecretBytes> completion) {
    hsm_.impl().submit<SecretBytes>(
        options, std::move(completion),
        [identity = std::move(identity), payload = std::move(payload)](HsmContext& context) {
            return open_payload(context, identity, *payload);
        });
}

void Envelope::forget(ByteView wrapped_key) {
    hsm_.impl().token().data_keys().forget(wrapped_key);
    // A worker destroys what nobody uses any more before its next job: give it one.
    hsm_.impl().submit<Done>(
        {.priority = Priority::write}, [](const Outcome<Done>&) {}, [](HsmContext&) { return Done{}; });
}

}  // namespace coffer::crypto
