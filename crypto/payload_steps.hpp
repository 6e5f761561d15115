#pragma once
// The steps that opening and rewrapping have in common. For this folder's own files.

#include <fmt/format.h>

#include <optional>
#include <string_view>

#include "crypto/hsm.hpp"
#include "crypto/hsm_context.hpp"
#include "crypto/payload_format.hpp"
#include "crypto/pkcs11_error.hpp"

namespace coffer::crypto {

/// Times that a call has to fail, with a working token in between, before the data is blamed.
inline constexpr int kRoundsBeforeBlame = 3;

/// Runs `work`. When the token's answer may mean altered data, proves the token by its canary and tries
/// again; throws IntegrityError when `work` fails every time and the canary never. A token in trouble fails
/// the canary, which throws what recovery needs. The canary is opened once more in each round, so that a
/// token that fails every n-th call does not fail the same call each time.
template <class Work>
auto blaming_data_last(const HsmContext& context, std::string_view what, Work work) {
    for (int round = 1;; ++round) {
        try {
            return work();
        } catch (const Pkcs11Error& e) {
            if (!may_mean_altered(e.code())) throw;
        }
        for (int i = 0; i < round; ++i) context.canary().open(context.session(), context.ring());
        if (round == kRoundsBeforeBlame)
            throw IntegrityError(fmt::format("{} was altered or belongs elsewhere", what));
    }
}

/// Throws UnknownMasterKey.
[[nodiscard]] CK_OBJECT_HANDLE require_master_key(const HsmContext& context, const MasterKeyRef& ref);

/// The key that `wrapped_key` is said to be wrapped under. When the token does not hold it: IntegrityError if
/// another generation of the same key unwraps it, since the number is one that somebody put there (seals do
/// not cover it; AES Key Wrap knows its own, RFC 3394, 2.2.3); else UnknownMasterKey, as for a generation
/// that has yet to reach this token.
[[nodiscard]] CK_OBJECT_HANDLE require_wrapping_key(const HsmContext& context, const MasterKeyRef& ref,
                                                    ByteView wrapped_key);

/// Throws IntegrityError unless a wrapped key has the length that AES Key Wrap gives it.
void require_wrapped_length(ByteView wrapped_key);

/// The plaintext under a data key. Throws Pkcs11Error.
[[nodiscard]] SecretBytes decrypt_segments(const Session& session, CK_OBJECT_HANDLE key,
                                           const PayloadLayout& layout, const PayloadAad& aad);

}  // namespace coffer::crypto
