#include "hsm-config/coffer_hsm/trusted_keys.hpp"

#include <fmt/format.h>

#include "crypto/key_factory.hpp"
#include "crypto/key_names.hpp"
#include "crypto/key_ring.hpp"
#include "crypto/objects.hpp"
#include "crypto/pkcs11_error.hpp"
#include "daemon/base/uuid.hpp"

namespace coffer::hsm_config {
namespace {

using crypto::ObjectGuard;
using crypto::Session;

/// Of the officer's key, until the user has copied it. Not a label of Coffer's keys.
constexpr std::string_view kUnfinishedLabel = "coffer-hsm init (unfinished)";

/// Makes `count` trusted keys as the security officer. Whether the token let it.
bool make_as_officer(const crypto::Module& module, crypto::SlotId slot, crypto::SecretBytes pin,
                     std::size_t count) {
    const auto session = Session::open(module, slot, crypto::SessionMode::read_write);
    auto& functions = session.functions();
    const auto login = functions.C_Login(session.handle(), CKU_SO, pin.writable().data(), pin.size());
    if (login == CKR_PIN_INCORRECT || login == CKR_PIN_LOCKED || login == CKR_PIN_LEN_RANGE) {
        throw crypto::PinRefused(
            fmt::format("the token refused the security officer's PIN: {}", crypto::code_name(login)));
    }
    if (login != CKR_OK) return false;  // a token without such a user
    CK_RV code = CKR_OK;
    for (std::size_t i = 0; i < count && code == CKR_OK; ++i) {
        crypto::Template key;
        key.number(CKA_CLASS, CKO_SECRET_KEY)
            .number(CKA_KEY_TYPE, CKK_AES)
            .number(CKA_VALUE_LEN, crypto::kLongLivedKeyBytes)
            .text(CKA_LABEL, kUnfinishedLabel)
            .boolean(CKA_TOKEN, true)
            .boolean(CKA_PRIVATE, false)
            .boolean(CKA_TRUSTED, true)
            .boolean(CKA_SENSITIVE, true)
            .boolean(CKA_EXTRACTABLE, false)
            .boolean(CKA_WRAP, true)
            .boolean(CKA_UNWRAP, true)
            .boolean(CKA_ENCRYPT, false)
            .boolean(CKA_DECRYPT, false)
            .boolean(CKA_SIGN, false)
            .boolean(CKA_VERIFY, false)
            .boolean(CKA_DERIVE, false);
        CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
        CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
        code = functions.C_GenerateKey(session.handle(), &mechanism, key.data(), key.size(), &handle);
    }
    functions.C_Logout(session.handle());  // the user cannot log in beside the officer
    return code == CKR_OK;
}

std::vector<CK_OBJECT_HANDLE> find_unfinished(const Session& session) {
    crypto::Template wanted;
    wanted.number(CKA_CLASS, CKO_SECRET_KEY).boolean(CKA_TOKEN, true).text(CKA_LABEL, kUnfinishedLabel);
    return crypto::find_objects(session, wanted);
}

void remove_unfinished(const Session& session) {
    for (const auto key : find_unfinished(session)) {
        crypto::check("C_DestroyObject", session.functions().C_DestroyObject(session.handle(), key));
    }
}

/// Copies the officer's key to the master key `name`. Whether the copy is private and as it must be.
bool adopt(const Session& session, CK_OBJECT_HANDLE officers_key, const std::string& name) {
    const crypto::MasterKeyRef ref{.id = crypto::MasterKeyId(Uuid::random()), .generation = 1};
    const auto label = crypto::master_key_label(name, ref.generation);
    const auto id = crypto::master_key_cka_id(ref);
    crypto::Template changes;
    changes.text(CKA_LABEL, label).bytes(CKA_ID, id).boolean(CKA_PRIVATE, true);
    CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
    const auto code = session.functions().C_CopyObject(session.handle(), officers_key, changes.data(),
                                                       changes.size(), &copy);
    if (code != CKR_OK) return false;
    ObjectGuard guard(session, copy);
    if (crypto::read_boolean(session, copy, CKA_PRIVATE) != true ||
        crypto::read_boolean(session, copy, CKA_TRUSTED) != true) {
        return false;
    }
    static_cast<void>(crypto::find_keys(session));  // reads it back as the daemon will
    static_cast<void>(guard.release());
    return true;
}

}  // namespace

std::vector<std::string> make_trusted_master_keys(const crypto::Module& module, crypto::SlotId slot,
                                                  crypto::SecretBytes officer_pin,
                                                  const crypto::PinSource& user_pin, crypto::PinGuard& guard,
                                                  const std::vector<std::string>& names) {
    const bool officer_can = make_as_officer(module, slot, std::move(officer_pin), names.size());
    const auto login =
        crypto::AnchorSession::open(module, slot, user_pin, guard, crypto::SessionMode::read_write);
    const auto& session = login.session();
    std::vector<std::string> made;
    const auto officers_keys = officer_can ? find_unfinished(session) : std::vector<CK_OBJECT_HANDLE>();
    for (std::size_t i = 0; i < names.size() && i < officers_keys.size(); ++i) {
        if (adopt(session, officers_keys[i], names[i])) made.push_back(names[i]);
    }
    remove_unfinished(session);
    return made;
}

}  // namespace coffer::hsm_config
