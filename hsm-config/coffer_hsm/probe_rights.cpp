#include "hsm-config/coffer_hsm/probe_rights.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "crypto/data_key.hpp"
#include "crypto/pkcs11_error.hpp"
#include "hsm-config/coffer_hsm/probe_keys.hpp"

namespace coffer::hsm_config {
namespace {

using crypto::ObjectGuard;
using crypto::Session;

CK_RV try_change(const Session& session, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type, bool value) {
    crypto::Template change;
    change.boolean(type, value);
    return session.functions().C_SetAttributeValue(session.handle(), key, change.data(), change.size());
}

/// Attempts that should be refused, and those that were not.
class Attempts {
public:
    void expect_refusal(std::string_view what, CK_RV code) {
        ++tried_;
        if (code == CKR_OK) allowed_.emplace_back(what);
    }
    [[nodiscard]] Verdict verdict(std::string_view advice) const {
        if (allowed_.empty()) {
            return {.result = StepResult::ok,
                    .detail = fmt::format("all {} attempts refused", tried_),
                    .advice = {}};
        }
        return {.result = StepResult::note,
                .detail = fmt::format("not enforced: {}", fmt::join(allowed_, "; ")),
                .advice = std::string(advice)};
    }

private:
    std::size_t tried_ = 0;
    std::vector<std::string> allowed_;
};

/// The attributes of an object cannot be trusted when it can be read all the same.
void require_unreadable(const Session& session, CK_OBJECT_HANDLE key, std::string_view what) {
    const auto value = crypto::read_attribute(session, key, CKA_VALUE);
    if (value && !value->empty()) {
        throw Error(fmt::format(
            "{} can be read in plaintext though it is CKA_SENSITIVE: do not use this token", what));
    }
}

}  // namespace

Verdict probe_secrecy(const Session& session, const WrappingKey& wrapping_key) {
    const ObjectGuard data_key(session, crypto::generate_data_key(session, false));
    require_unreadable(session, wrapping_key.handle, "a master key");
    require_unreadable(session, data_key.get(), "a data key");
    if (crypto::read_boolean(session, wrapping_key.handle, CKA_SENSITIVE) != true ||
        crypto::read_boolean(session, wrapping_key.handle, CKA_EXTRACTABLE) != false) {
        throw Error("a key made SENSITIVE and not EXTRACTABLE is not marked so: do not use this token");
    }
    Attempts attempts;
    attempts.expect_refusal("a key is made extractable afterwards",
                            try_change(session, wrapping_key.handle, CKA_EXTRACTABLE, true));
    attempts.expect_refusal("a key is made not sensitive afterwards",
                            try_change(session, data_key.get(), CKA_SENSITIVE, false));
    require_unreadable(session, data_key.get(), "a data key whose mark was taken off");
    const ObjectGuard other(session, make_wrapping_key(session, false));
    attempts.expect_refusal("a key that is not extractable is wrapped",
                            try_wrap(session, wrapping_key, other.get()));
    return attempts.verdict("keep the token's login to the daemon alone: who has it can get at keys");
}

Verdict probe_templates(const Session& session, const WrappingKey& wrapping_key) {
    const ObjectGuard writing(session, crypto::generate_data_key(session, false));
    const auto wrapped = crypto::wrap_data_key(session, wrapping_key.way, wrapping_key.handle, writing.get());
    const ObjectGuard reading(
        session, crypto::unwrap_data_key(session, wrapping_key.way, wrapping_key.handle, wrapped));
    const ObjectGuard spare(session, crypto::generate_data_key(session, false));
    Attempts attempts;
    attempts.expect_refusal("a data key for encryption decrypts", try_decrypt(session, writing.get()));
    attempts.expect_refusal("a data key for decryption encrypts", try_encrypt(session, reading.get()));
    attempts.expect_refusal("an unwrapped data key is wrapped again",
                            try_wrap(session, wrapping_key, reading.get()));
    attempts.expect_refusal("a data key wraps",
                            try_wrap(session, {writing.get(), wrapping_key.way}, spare.get()));
    attempts.expect_refusal("a master key encrypts", try_encrypt(session, wrapping_key.handle));
    attempts.expect_refusal("a master key decrypts", try_decrypt(session, wrapping_key.handle));
    return attempts.verdict("the daemon never does these; who has the token's login could");
}

TrustFinding find_trust(const Session& session, const WrappingKey& untrusted_key,
                        const std::optional<WrappingKey>& trusted_key) {
    TrustFinding finding;
    try {
        const ObjectGuard key(session, crypto::generate_data_key(session, true));
        finding.enforced = try_wrap(session, untrusted_key, key.get()) != CKR_OK;
        finding.usable =
            finding.enforced && trusted_key && try_wrap(session, *trusted_key, key.get()) == CKR_OK;
    } catch (const crypto::Pkcs11Error&) {
        // The token does not know the attribute.
    }
    return finding;
}

Verdict describe(const TrustFinding& finding) {
    if (finding.usable) {
        return {.result = StepResult::ok,
                .detail = "enforced, and all master keys are CKA_TRUSTED",
                .advice = {}};
    }
    if (finding.enforced) {
        return {.result = StepResult::note,
                .detail = "CKA_WRAP_WITH_TRUSTED is enforced, but not all master keys are CKA_TRUSTED",
                .advice = "coffer-hsm init with --so-pin-file makes trusted ones (docs/tokens.md)"};
    }
    return {.result = StepResult::note,
            .detail = "CKA_WRAP_WITH_TRUSTED is not enforced",
            .advice = "who has the token's login can wrap data keys under a key of his own: guard the PIN"};
}

bool can_copy(const Session& session, const WrappingKey& token_key, bool wrap_with_trusted) {
    try {
        const ObjectGuard copy(session, copy_to_session(session, token_key.handle));
        require_unreadable(session, copy.get(), "a copied master key");
        if (crypto::read_boolean(session, copy.get(), CKA_SENSITIVE) != true ||
            crypto::read_boolean(session, copy.get(), CKA_EXTRACTABLE) != false) {
            return false;
        }
        const ObjectGuard key(session, crypto::generate_data_key(session, wrap_with_trusted));
        return try_wrap(session, {copy.get(), token_key.way}, key.get()) == CKR_OK;
    } catch (const crypto::Pkcs11Error&) {
        return false;
    }
}

}  // namespace coffer::hsm_config
