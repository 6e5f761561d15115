#include "crypto/key_factory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "crypto/anchor_session.hpp"
#include "crypto/key_names.hpp"
#include "crypto/objects.hpp"
#include "crypto/pkcs11_error.hpp"
#include "crypto/signing_pair.hpp"

namespace coffer::crypto {

namespace {

CK_OBJECT_HANDLE generate_key(const Session& session, CK_MECHANISM_TYPE type, Template& key) {
    CK_MECHANISM mechanism{type, nullptr, 0};
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    check("C_GenerateKey",
          session.functions().C_GenerateKey(session.handle(), &mechanism, key.data(), key.size(), &handle));
    return handle;
}

/// A random (version 4) UUID from the token's generator.
Uuid random_uuid(const Session& session) {
    std::array<std::uint8_t, 16> bytes{};
    check("C_GenerateRandom",
          session.functions().C_GenerateRandom(session.handle(), bytes.data(), bytes.size()));
    bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0FU) | 0x40U);
    bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3FU) | 0x80U);
    return Uuid(bytes);
}

}  // namespace

MasterKeyRef KeyFactory::make_master_key(std::string_view name) {
    if (!is_master_key_name(name)) {
        throw Error(
            fmt::format("\"{}\" cannot name a master key: use 1 to 200 of A-Z a-z 0-9 / _ -, without a slash "
                        "at either end",
                        name));
    }
    const FoundKeys keys = find_keys(session_);
    for (const auto& key : keys.master_keys) {
        if (key.name == name)
            throw Error(fmt::format("the token holds a master key named \"{}\" already", name));
    }
    const MasterKeyRef ref{.id = MasterKeyId(random_uuid(session_)), .generation = 1};
    generate_master_key(name, ref);
    return ref;
}

MasterKeyRef KeyFactory::make_next_generation(std::string_view name) {
    std::optional<MasterKeyRef> newest;
    for (const auto& key : find_keys(session_).master_keys) {
        if (key.name == name) newest = key.ref;
    }
    if (!newest) throw Error(fmt::format("the token holds no master key named \"{}\"", name));
    const MasterKeyRef ref{.id = newest->id, .generation = newest->generation + 1};
    generate_master_key(name, ref);
    return ref;
}

void KeyFactory::make_generation(std::string_view name, const MasterKeyRef& ref) {
    if (!is_master_key_name(name)) throw Error(fmt::format("\"{}\" cannot name a master key", name));
    for (const auto& key : find_keys(session_).master_keys) {
        if ((key.name == name) != (key.ref.id == ref.id)) {
            throw Error(fmt::format("the token's key \"{}\" has the id {}, not {}", key.name,
                                    key.ref.id.value().text(), ref.id.value().text()));
        }
        if (key.ref == ref) {
            throw Error(fmt::format("the token holds generation {} of master key \"{}\" already",
                                    ref.generation, name));
        }
    }
    generate_master_key(name, ref);
}

void KeyFactory::generate_master_key(std::string_view name, const MasterKeyRef& ref) {
    const auto label = master_key_label(name, ref.generation);
    const auto id = master_key_cka_id(ref);
    Template key;
    key.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_AES)
        .number(CKA_VALUE_LEN, kLongLivedKeyBytes)
        .text(CKA_LABEL, label)
        .bytes(CKA_ID, id)
        .boolean(CKA_TOKEN, true)
        .boolean(CKA_PRIVATE, true)
        .boolean(CKA_SENSITIVE, true)
        .boolean(CKA_EXTRACTABLE, false)
        .boolean(CKA_WRAP, true)
        .boolean(CKA_UNWRAP, true)
        .boolean(CKA_ENCRYPT, false)
        .boolean(CKA_DECRYPT, false)
        .boolean(CKA_SIGN, false)
        .boolean(CKA_VERIFY, false)
        .boolean(CKA_DERIVE, false);
    ObjectGuard made(session_, generate_key(session_, CKM_AES_KEY_GEN, key));
    // Reads every key back as the daemon will: a token that ignored a part of the template is found out here.
    (void)find_keys(session_);
    (void)made.release();
}

void KeyFactory::make_seal_key() {
    if (!find_keys(session_).seal_keys.empty()) throw Error("the token holds a seal key already");
    make_seal_generation(1);
}

void KeyFactory::make_seal_generation(std::uint32_t generation) {
    const auto label = seal_key_label(generation);
    for (const auto& key : find_keys(session_).seal_keys) {
        if (key.generation < generation) continue;
        throw Error(fmt::format("the token holds {} already", seal_key_label(key.generation)));
    }
    Template key;
    key.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .number(CKA_VALUE_LEN, kLongLivedKeyBytes)
        .text(CKA_LABEL, label)
        .text(CKA_ID, label)
        .boolean(CKA_TOKEN, true)
        .boolean(CKA_PRIVATE, true)
        .boolean(CKA_SENSITIVE, true)
        .boolean(CKA_EXTRACTABLE, false)
        .boolean(CKA_SIGN, true)
        .boolean(CKA_VERIFY, true)
        .boolean(CKA_ENCRYPT, false)
        .boolean(CKA_DECRYPT, false)
        .boolean(CKA_WRAP, false)
        .boolean(CKA_UNWRAP, false)
        .boolean(CKA_DERIVE, false);
    ObjectGuard made(session_, generate_key(session_, CKM_GENERIC_SECRET_KEY_GEN, key));
    (void)find_keys(session_);
    (void)made.release();
}

void KeyFactory::make_audit_key() {
    if (!find_keys(session_).audit_keys.empty()) throw Error("the token holds an audit key already");
    make_audit_generation(1);
}

void KeyFactory::make_audit_generation(std::uint32_t generation) {
    const auto label = audit_key_label(generation);
    for (const auto& key : find_keys(session_).audit_keys) {
        if (key.generation < generation) continue;
        throw Error(fmt::format("the token holds {} already", audit_key_label(key.generation)));
    }
    Template public_key;
    public_key.bytes(CKA_EC_PARAMS, kP256Params);
    describe_public_half(public_key, label);
    Template private_key;
    describe_private_half(private_key, label);
    CK_MECHANISM mechanism{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
    CK_OBJECT_HANDLE public_handle = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE private_handle = CK_INVALID_HANDLE;
    check("C_GenerateKeyPair", session_.functions().C_GenerateKeyPair(
                                   session_.handle(), &mechanism, public_key.data(), public_key.size(),
                                   private_key.data(), private_key.size(), &public_handle, &private_handle));
    ObjectGuard made_public(session_, public_handle);
    ObjectGuard made_private(session_, private_handle);
    (void)find_keys(session_);
    (void)made_public.release();
    (void)made_private.release();
}

void destroy_seal_key(const Session& session, std::uint32_t generation) {
    const auto keys = find_keys(session).seal_keys;
    const auto found = std::ranges::find(keys, generation, &FoundSealKey::generation);
    if (found == keys.end()) return;
    if (keys.back().generation <= generation) {
        throw Error(fmt::format("the token holds no newer seal key than {}: it is not destroyed",
                                seal_key_label(generation)));
    }
    check("C_DestroyObject", session.functions().C_DestroyObject(session.handle(), found->handle));
}

void destroy_audit_key(const Session& session, std::uint32_t generation) {
    const auto keys = find_keys(session);
    const auto found = std::ranges::find(keys.audit_keys, generation, &FoundAuditKey::generation);
    if (found == keys.audit_keys.end()) return;
    const auto* newest = keys.audit_key();
    if (newest == nullptr || newest->generation <= generation) {
        throw Error(fmt::format("the token holds no newer audit key than {}: it is not destroyed",
                                audit_key_label(generation)));
    }
    // The private half first: it is the one to get rid of.
    for (const auto& half : {found->private_key, found->public_key}) {
        if (half) check("C_DestroyObject", session.functions().C_DestroyObject(session.handle(), *half));
    }
}

void destroy_master_key(const Session& session, const MasterKeyRef& ref) {
    const auto keys = find_keys(session).master_keys;  // refuses two that match
    const auto found = std::ranges::find(keys, ref, &FoundMasterKey::ref);
    if (found == keys.end()) return;
    if (keys.size() == 1) {
        throw Error(
            fmt::format("\"{}\" is the last master key in the token: it is not destroyed", found->name));
    }
    check("C_DestroyObject", session.functions().C_DestroyObject(session.handle(), found->handle));
}

namespace {

/// The security officer's login, for as long as the session lives. The security officer and the user
/// cannot be logged in together, so this one does log out.
class OfficerLogin {
public:
    OfficerLogin(const Session& session, SecretBytes pin) : session_(session) {
        const CK_RV code =
            session.functions().C_Login(session.handle(), CKU_SO, pin.writable().data(), pin.size());
        if (code == CKR_PIN_INCORRECT || code == CKR_PIN_LOCKED || code == CKR_PIN_LEN_RANGE) {
            throw PinRefused(
                fmt::format("the token refused the security officer's PIN: {}", code_name(code)));
        }
        check("C_Login", code);
    }
    OfficerLogin(const OfficerLogin&) = delete;
    OfficerLogin& operator=(const OfficerLogin&) = delete;
    ~OfficerLogin() { session_.functions().C_Logout(session_.handle()); }

private:
    const Session& session_;
};

/// Why the key could not be marked; empty when it was.
std::string try_mark_trusted(const Session& session, const MasterKeyRef& ref) {
    const auto id = master_key_cka_id(ref);
    Template wanted;
    wanted.number(CKA_CLASS, CKO_SECRET_KEY).boolean(CKA_TOKEN, true).bytes(CKA_ID, id);
    const auto found = find_objects(session, wanted);
    if (found.size() != 1) return "the security officer does not see it (it is a private object)";
    Template change;
    change.boolean(CKA_TRUSTED, true);
    const CK_RV code = session.functions().C_SetAttributeValue(session.handle(), found.front(), change.data(),
                                                               change.size());
    return code == CKR_OK ? std::string() : "C_SetAttributeValue answered " + code_name(code);
}

}  // namespace

std::vector<std::string> mark_trusted(const Module& module, SlotId slot, SecretBytes so_pin,
                                      const std::vector<MasterKeyRef>& refs) {
    const Session session = Session::open(module, slot, SessionMode::read_write);
    const OfficerLogin login(session, std::move(so_pin));
    std::vector<std::string> refusals;
    for (const auto& ref : refs) {
        const auto why = try_mark_trusted(session, ref);
        if (why.empty()) continue;
        refusals.push_back(
            fmt::format("key {} generation {}: {}", ref.id.value().text(), ref.generation, why));
    }
    return refusals;
}

}  // namespace coffer::crypto
