#pragma once
// The one table of PKCS#11's functions. Stubs, names, counters and the function list are made from it.

#include <p11-kit/pkcs11.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <utility>

namespace coffer::shim {

/// What a function needs before it makes sense, and so which faults touch it.
enum class Scope : std::uint8_t {
    library,  ///< the module itself; `*` in a rule does not mean these
    slot,     ///< first argument is a slot, or none
    session,  ///< first argument is a session
    key,      ///< first argument is a session, and the user must be logged in
};

/// One function. `objects_in` and `objects_out` are bit masks of the arguments (counted from 0) that hold,
/// or point to, an object handle.
template <class Member>
struct Row {
    std::string_view name;
    Member member;
    Scope scope;
    unsigned objects_in;
    unsigned objects_out;
};

template <class Member>
[[nodiscard]] constexpr Row<Member> row(std::string_view name, Member member, Scope scope,
                                        unsigned objects_in = 0, unsigned objects_out = 0) {
    return {name, member, scope, objects_in, objects_out};
}

/// The mask of these argument positions.
template <class... Position>
[[nodiscard]] constexpr unsigned arguments(Position... position) {
    return ((1U << position) | ...);
}

using List = CK_FUNCTION_LIST;

/// PKCS#11 2.40, in the order of CK_FUNCTION_LIST. A function is known by its place in this table.
inline constexpr auto kFunctions = std::make_tuple(
    row("C_Initialize", &List::C_Initialize, Scope::library),
    row("C_Finalize", &List::C_Finalize, Scope::library), row("C_GetInfo", &List::C_GetInfo, Scope::library),
    row("C_GetFunctionList", &List::C_GetFunctionList, Scope::library),
    row("C_GetSlotList", &List::C_GetSlotList, Scope::slot),
    row("C_GetSlotInfo", &List::C_GetSlotInfo, Scope::slot),
    row("C_GetTokenInfo", &List::C_GetTokenInfo, Scope::slot),
    row("C_GetMechanismList", &List::C_GetMechanismList, Scope::slot),
    row("C_GetMechanismInfo", &List::C_GetMechanismInfo, Scope::slot),
    row("C_InitToken", &List::C_InitToken, Scope::slot), row("C_InitPIN", &List::C_InitPIN, Scope::session),
    row("C_SetPIN", &List::C_SetPIN, Scope::session), row("C_OpenSession", &List::C_OpenSession, Scope::slot),
    row("C_CloseSession", &List::C_CloseSession, Scope::session),
    row("C_CloseAllSessions", &List::C_CloseAllSessions, Scope::slot),
    row("C_GetSessionInfo", &List::C_GetSessionInfo, Scope::session),
    row("C_GetOperationState", &List::C_GetOperationState, Scope::session),
    row("C_SetOperationState", &List::C_SetOperationState, Scope::session, arguments(3, 4)),
    row("C_Login", &List::C_Login, Scope::session), row("C_Logout", &List::C_Logout, Scope::session),
    row("C_CreateObject", &List::C_CreateObject, Scope::key, 0, arguments(3)),
    row("C_CopyObject", &List::C_CopyObject, Scope::key, arguments(1), arguments(4)),
    row("C_DestroyObject", &List::C_DestroyObject, Scope::key, arguments(1)),
    row("C_GetObjectSize", &List::C_GetObjectSize, Scope::key, arguments(1)),
    row("C_GetAttributeValue", &List::C_GetAttributeValue, Scope::key, arguments(1)),
    row("C_SetAttributeValue", &List::C_SetAttributeValue, Scope::key, arguments(1)),
    row("C_FindObjectsInit", &List::C_FindObjectsInit, Scope::session),
    row("C_FindObjects", &List::C_FindObjects, Scope::session),
    row("C_FindObjectsFinal", &List::C_FindObjectsFinal, Scope::session),
    row("C_EncryptInit", &List::C_EncryptInit, Scope::key, arguments(2)),
    row("C_Encrypt", &List::C_Encrypt, Scope::key),
    row("C_EncryptUpdate", &List::C_EncryptUpdate, Scope::key),
    row("C_EncryptFinal", &List::C_EncryptFinal, Scope::key),
    row("C_DecryptInit", &List::C_DecryptInit, Scope::key, arguments(2)),
    row("C_Decrypt", &List::C_Decrypt, Scope::key),
    row("C_DecryptUpdate", &List::C_DecryptUpdate, Scope::key),
    row("C_DecryptFinal", &List::C_DecryptFinal, Scope::key),
    row("C_DigestInit", &List::C_DigestInit, Scope::session),
    row("C_Digest", &List::C_Digest, Scope::session),
    row("C_DigestUpdate", &List::C_DigestUpdate, Scope::session),
    row("C_DigestKey", &List::C_DigestKey, Scope::key, arguments(1)),
    row("C_DigestFinal", &List::C_DigestFinal, Scope::session),
    row("C_SignInit", &List::C_SignInit, Scope::key, arguments(2)), row("C_Sign", &List::C_Sign, Scope::key),
    row("C_SignUpdate", &List::C_SignUpdate, Scope::key), row("C_SignFinal", &List::C_SignFinal, Scope::key),
    row("C_SignRecoverInit", &List::C_SignRecoverInit, Scope::key, arguments(2)),
    row("C_SignRecover", &List::C_SignRecover, Scope::key),
    row("C_VerifyInit", &List::C_VerifyInit, Scope::key, arguments(2)),
    row("C_Verify", &List::C_Verify, Scope::key), row("C_VerifyUpdate", &List::C_VerifyUpdate, Scope::key),
    row("C_VerifyFinal", &List::C_VerifyFinal, Scope::key),
    row("C_VerifyRecoverInit", &List::C_VerifyRecoverInit, Scope::key, arguments(2)),
    row("C_VerifyRecover", &List::C_VerifyRecover, Scope::key),
    row("C_DigestEncryptUpdate", &List::C_DigestEncryptUpdate, Scope::key),
    row("C_DecryptDigestUpdate", &List::C_DecryptDigestUpdate, Scope::key),
    row("C_SignEncryptUpdate", &List::C_SignEncryptUpdate, Scope::key),
    row("C_DecryptVerifyUpdate", &List::C_DecryptVerifyUpdate, Scope::key),
    row("C_GenerateKey", &List::C_GenerateKey, Scope::key, 0, arguments(4)),
    row("C_GenerateKeyPair", &List::C_GenerateKeyPair, Scope::key, 0, arguments(6, 7)),
    row("C_WrapKey", &List::C_WrapKey, Scope::key, arguments(2, 3)),
    row("C_UnwrapKey", &List::C_UnwrapKey, Scope::key, arguments(2), arguments(7)),
    row("C_DeriveKey", &List::C_DeriveKey, Scope::key, arguments(2), arguments(5)),
    row("C_SeedRandom", &List::C_SeedRandom, Scope::session),
    row("C_GenerateRandom", &List::C_GenerateRandom, Scope::session),
    row("C_GetFunctionStatus", &List::C_GetFunctionStatus, Scope::session),
    row("C_CancelFunction", &List::C_CancelFunction, Scope::session),
    row("C_WaitForSlotEvent", &List::C_WaitForSlotEvent, Scope::slot));

inline constexpr std::size_t kFunctionCount = std::tuple_size_v<decltype(kFunctions)>;

/// What rules and counters need to know of a function.
struct FunctionInfo {
    std::string_view name;
    Scope scope;
};

inline constexpr auto kFunctionInfo = []<std::size_t... I>(std::index_sequence<I...>) {
    return std::array<FunctionInfo, kFunctionCount>{
        FunctionInfo{std::get<I>(kFunctions).name, std::get<I>(kFunctions).scope}...};
}
(std::make_index_sequence<kFunctionCount>{});

/// A function's place in the table; kFunctionCount when there is none of that name.
[[nodiscard]] constexpr std::size_t function_index(std::string_view name) noexcept {
    std::size_t index = 0;
    while (index < kFunctionCount && kFunctionInfo[index].name != name) ++index;
    return index;
}

/// The same, for names in the source: a name that does not exist is a compile error.
[[nodiscard]] consteval std::size_t operator""_fn(const char* name, std::size_t size) {
    const auto index = function_index({name, size});
    if (index == kFunctionCount) throw "no such PKCS#11 function";
    return index;
}

}  // namespace coffer::shim
