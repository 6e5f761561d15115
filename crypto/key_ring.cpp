#include "crypto/key_ring.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/audit_public_key.hpp"
#include "crypto/hsm.hpp"
#include "crypto/key_names.hpp"
#include "crypto/objects.hpp"
#include "crypto/pkcs11_error.hpp"

namespace coffer::crypto {

namespace {

constexpr CK_ULONG kMasterKeyBytes = 32;

void require_attribute(const Session& session, CK_OBJECT_HANDLE key, const std::string& label,
                       CK_ATTRIBUTE_TYPE type, std::string_view name, bool wanted) {
    const auto value = read_boolean(session, key, type);
    if (value.value_or(!wanted) == wanted) return;
    throw Error(
        fmt::format("the key \"{}\" in the token has {} {}: it is not safe to use; make a new one with "
                    "coffer-hsm init",
                    label, name, value ? (*value ? "true" : "false") : "unset"));
}

void require_unreadable(const Session& session, CK_OBJECT_HANDLE key, const std::string& label) {
    require_attribute(session, key, label, CKA_SENSITIVE, "CKA_SENSITIVE", true);
    require_attribute(session, key, label, CKA_EXTRACTABLE, "CKA_EXTRACTABLE", false);
}

void require_aes_256(const Session& session, CK_OBJECT_HANDLE key, const std::string& label) {
    const auto type = read_number(session, key, CKA_KEY_TYPE);
    const auto length = read_number(session, key, CKA_VALUE_LEN);
    // Some tokens do not tell the length; a wrong one shows in the self-test.
    if (type != CKK_AES || length.value_or(kMasterKeyBytes) != kMasterKeyBytes) {
        throw Error(fmt::format("the key \"{}\" in the token is not an AES-256 key", label));
    }
}

/// Nothing for a key that is not Coffer's.
std::optional<FoundMasterKey> read_master_key(const Session& session, CK_OBJECT_HANDLE key) {
    const std::string label = read_text(session, key, CKA_LABEL);
    if (!label.starts_with(kMasterKeyPrefix)) return std::nullopt;
    const auto parsed = parse_master_key_label(label);
    if (!parsed)
        throw Error(fmt::format("the key \"{}\" in the token has no label that Coffer makes", label));
    const auto ref = parse_master_key_cka_id(read_attribute(session, key, CKA_ID).value_or(Bytes{}));
    if (!ref || ref->generation != parsed->generation) {
        throw Error(
            fmt::format("the key \"{}\" in the token has a CKA_ID that does not fit its label", label));
    }
    require_unreadable(session, key, label);
    require_aes_256(session, key, label);
    require_attribute(session, key, label, CKA_WRAP, "CKA_WRAP", true);
    require_attribute(session, key, label, CKA_UNWRAP, "CKA_UNWRAP", true);
    return FoundMasterKey{.ref = *ref,
                          .name = parsed->name,
                          .handle = key,
                          .trusted = read_boolean(session, key, CKA_TRUSTED).value_or(false)};
}

void require_distinct(const std::vector<FoundMasterKey>& keys) {
    std::map<MasterKeyRef, std::string> by_ref;
    std::map<MasterKeyId, std::string> name_of;
    std::map<std::string, MasterKeyId> id_of;
    for (const auto& key : keys) {
        const auto label = master_key_label(key.name, key.ref.generation);
        const auto [same_ref, new_ref] = by_ref.emplace(key.ref, label);
        if (!new_ref) {
            throw Error(fmt::format(
                "the token holds two keys with id {} and generation {} (\"{}\" and \"{}\"): remove "
                "the one that is not Coffer's",
                key.ref.id.value().text(), key.ref.generation, same_ref->second, label));
        }
        const auto [same_id, new_id] = name_of.emplace(key.ref.id, key.name);
        if (!new_id && same_id->second != key.name) {
            throw Error(fmt::format("the token's keys \"{}\" and \"{}\" share the id {}", same_id->second,
                                    key.name, key.ref.id.value().text()));
        }
        const auto [same_name, new_name] = id_of.emplace(key.name, key.ref.id);
        if (!new_name && same_name->second != key.ref.id) {
            throw Error(fmt::format(
                "the token holds two master keys named \"{}\", with ids {} and {}: rename or remove "
                "one",
                key.name, same_name->second.value().text(), key.ref.id.value().text()));
        }
    }
}

/// Adds a generation of the seal key; does nothing for another key.
void take_seal_key(const Session& session, CK_OBJECT_HANDLE handle, std::vector<FoundSealKey>& keys) {
    const auto label = read_text(session, handle, CKA_LABEL);
    if (!label.starts_with(kSealKeyPrefix)) return;
    const auto generation = parse_seal_key_label(label);
    if (!generation)
        throw Error(fmt::format("the key \"{}\" in the token has no label that Coffer makes", label));
    if (std::ranges::find(keys, *generation, &FoundSealKey::generation) != keys.end()) {
        throw Error(fmt::format(
            "the token holds several keys labelled \"{}\": remove those that are not Coffer's", label));
    }
    require_unreadable(session, handle, label);
    keys.push_back({*generation, handle});
}

/// Adds the private or public halves of the audit key's generations.
void find_audit_halves(const Session& session, CK_OBJECT_CLASS object_class,
                       std::optional<CK_OBJECT_HANDLE> FoundAuditKey::*half,
                       std::map<std::uint32_t, FoundAuditKey>& keys) {
    Template wanted;
    wanted.number(CKA_CLASS, object_class).boolean(CKA_TOKEN, true);
    for (const auto handle : find_objects(session, wanted)) {
        const auto label = read_text(session, handle, CKA_LABEL);
        if (!label.starts_with(kAuditKeyPrefix)) continue;
        const auto generation = parse_audit_key_label(label);
        if (!generation)
            throw Error(fmt::format("the key \"{}\" in the token has no label that Coffer makes", label));
        auto& key = keys[*generation];
        key.generation = *generation;
        if (key.*half) {
            throw Error(fmt::format(
                "the token holds several keys labelled \"{}\": remove those that are not Coffer's", label));
        }
        key.*half = handle;
        if (object_class == CKO_PRIVATE_KEY) require_unreadable(session, handle, label);
    }
}

std::vector<FoundAuditKey> find_audit_keys(const Session& session) {
    std::map<std::uint32_t, FoundAuditKey> keys;
    find_audit_halves(session, CKO_PRIVATE_KEY, &FoundAuditKey::private_key, keys);
    find_audit_halves(session, CKO_PUBLIC_KEY, &FoundAuditKey::public_key, keys);
    std::vector<FoundAuditKey> found;
    for (const auto& [generation, key] : keys) found.push_back(key);
    return found;
}

/// Nothing when the token will not copy. A failure of another kind (the session is gone) is thrown.
std::optional<CK_OBJECT_HANDLE> copy_to_session(const Session& session, CK_OBJECT_HANDLE key) {
    Template changes;
    changes.boolean(CKA_TOKEN, false);
    CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
    const CK_RV code =
        session.functions().C_CopyObject(session.handle(), key, changes.data(), changes.size(), &copy);
    if (code == CKR_OK) {
        ObjectGuard guard(session, copy);
        if (read_boolean(session, copy, CKA_SENSITIVE) != true ||
            read_boolean(session, copy, CKA_EXTRACTABLE) != false) {
            return std::nullopt;
        }
        return guard.release();
    }
    if (classify(code) == ErrorClass::caller) return std::nullopt;
    throw Pkcs11Error("C_CopyObject", code);
}

}  // namespace

KeysMissing::KeysMissing(const std::string& missing)
    : Error(
          fmt::format("the token holds no {}. For a new installation {}. When the database holds secrets: {}",
                      missing, kNeverMade, kLost)),
      fact_("the token holds no " + missing) {}

FoundKeys find_keys(const Session& session) {
    FoundKeys keys;
    Template wanted;
    wanted.number(CKA_CLASS, CKO_SECRET_KEY).boolean(CKA_TOKEN, true);
    for (const auto handle : find_objects(session, wanted)) {
        if (auto key = read_master_key(session, handle)) keys.master_keys.push_back(std::move(*key));
        take_seal_key(session, handle, keys.seal_keys);
    }
    require_distinct(keys.master_keys);
    std::ranges::sort(keys.master_keys, {},
                      [](const FoundMasterKey& key) { return std::pair(key.name, key.ref.generation); });
    std::ranges::sort(keys.seal_keys, {}, &FoundSealKey::generation);
    keys.audit_keys = find_audit_keys(session);
    return keys;
}

const FoundAuditKey* FoundKeys::audit_key() const noexcept {
    const auto newest = std::ranges::find_if(audit_keys.rbegin(), audit_keys.rend(), &FoundAuditKey::whole);
    return newest == audit_keys.rend() ? nullptr : &*newest;
}

KeyRing::KeyRing(const Session& session, const FoundKeys& keys, bool copy) : copied_(copy) {
    if (keys.master_keys.empty() || keys.seal_keys.empty()) {
        throw KeysMissing(keys.master_keys.empty() ? "master key (coffer/master/...)"
                                                   : "seal key (coffer/seal/...)");
    }
    for (const auto& key : keys.audit_keys) {
        if (!key.whole()) continue;
        audit_handles_.emplace(key.generation, *key.private_key);
        audit_keys_.push_back({key.generation, p256_public_key_pem(session, *key.public_key)});
    }
    const auto usable = [&](CK_OBJECT_HANDLE key) {
        if (!copied_) return key;
        const auto made = copy_to_session(session, key);
        copied_ = made.has_value();
        if (made) copies_.push_back(*made);
        return made.value_or(key);
    };
    for (const auto& key : keys.master_keys) {
        handles_.emplace(key.ref, usable(key.handle));
        refs_.push_back(key.ref);
        newest_[key.ref.id] = key.ref;  // generations come in rising order
        if (infos_.empty() || infos_.back().id != key.ref.id) infos_.push_back({key.ref.id, key.name, 0});
        infos_.back().newest_generation = key.ref.generation;
    }
    for (const auto& key : keys.seal_keys) {
        seal_handles_.emplace(key.generation, usable(key.handle));
        seal_generations_.push_back(key.generation);
    }
}

void KeyRing::destroy_copies(const Session& session) noexcept {
    // A copy that is gone already is as good as destroyed.
    for (const auto copy : copies_) session.functions().C_DestroyObject(session.handle(), copy);
    copies_.clear();
}

std::optional<CK_OBJECT_HANDLE> KeyRing::find(const MasterKeyRef& ref) const {
    const auto found = handles_.find(ref);
    return found == handles_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<CK_OBJECT_HANDLE> KeyRing::seal_key(std::uint32_t generation) const {
    const auto found = seal_handles_.find(generation);
    return found == seal_handles_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<CK_OBJECT_HANDLE> KeyRing::audit_key(std::uint32_t generation) const {
    const auto found = audit_handles_.find(generation);
    return found == audit_handles_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<MasterKeyRef> KeyRing::newest(MasterKeyId id) const {
    const auto found = newest_.find(id);
    return found == newest_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace coffer::crypto
