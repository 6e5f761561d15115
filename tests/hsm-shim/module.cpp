// The module's face: a stub for each function of the table, and C_GetFunctionList.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <type_traits>
#include <vector>

#include "tests/hsm-shim/gcm.hpp"

namespace coffer::shim {
namespace {

// Functions that are more than forwarding. Handles among the arguments are already the real module's.

CK_RV initialize(Call& call, CK_VOID_PTR arguments) {
    const auto code = call.real.C_Initialize(arguments);
    if (code == CKR_OK) call.device.module_restarted();
    return code;
}

CK_RV finalize(Call& call, CK_VOID_PTR reserved) {
    const auto code = call.real.C_Finalize(reserved);
    if (code == CKR_OK) call.device.module_restarted();
    return code;
}

CK_RV get_token_info(Call& call, CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
    const auto code = call.real.C_GetTokenInfo(slot, info);
    if (code == CKR_OK && call.rules.max_sessions) {
        info->ulMaxSessionCount = *call.rules.max_sessions;
        info->ulMaxRwSessionCount = *call.rules.max_sessions;
        info->ulSessionCount = call.device.session_count();
    }
    return code;
}

CK_RV get_mechanism_list(Call& call, CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR list, CK_ULONG_PTR count) {
    CK_ULONG real_count = 0;
    if (const auto code = call.real.C_GetMechanismList(slot, nullptr, &real_count); code != CKR_OK)
        return code;
    std::vector<CK_MECHANISM_TYPE> types(real_count);
    if (const auto code = call.real.C_GetMechanismList(slot, types.data(), &real_count); code != CKR_OK)
        return code;
    types.resize(real_count);
    std::vector<CK_MECHANISM_TYPE> shown;
    for (const auto type : types) {
        if (const auto number = call.rules.shown_mechanism(type)) shown.push_back(*number);
    }
    const auto room = std::exchange(*count, shown.size());
    if (list == nullptr) return CKR_OK;
    if (room < shown.size()) return CKR_BUFFER_TOO_SMALL;
    std::ranges::copy(shown, list);
    return CKR_OK;
}

CK_RV get_mechanism_info(Call& call, CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR info) {
    const auto real = call.rules.real_mechanism(type);
    return real ? call.real.C_GetMechanismInfo(slot, *real, info) : CKR_MECHANISM_INVALID;
}

CK_RV open_session(Call& call, CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR /*application*/,
                   CK_NOTIFY /*notify*/, CK_SESSION_HANDLE_PTR session) {
    if (session == nullptr) return CKR_ARGUMENTS_BAD;
    if (call.rules.max_sessions && call.device.session_count() >= *call.rules.max_sessions)
        return CKR_SESSION_COUNT;
    CK_SESSION_HANDLE real = 0;
    // No call-back: it would be handed the real module's session.
    const auto code = call.real.C_OpenSession(slot, flags, nullptr, nullptr, &real);
    if (code == CKR_OK) *session = call.device.add_session(real, slot);
    return code;
}

CK_RV close_all_sessions(Call& call, CK_SLOT_ID slot) {
    const auto code = call.real.C_CloseAllSessions(slot);
    if (code == CKR_OK) call.device.remove_sessions(slot);
    return code;
}

CK_RV login(Call& call, CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG size) {
    const auto code = call.real.C_Login(session, user, pin, size);
    if (code == CKR_OK) call.device.logged_in(call.session->slot);
    return code;
}

CK_RV sign_init(Call& call, CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
    const auto code = call.real.C_SignInit(session, mechanism, key);
    if (code == CKR_OK) call.session->signing = mechanism->mechanism;
    return code;
}

CK_RV sign(Call& call, CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG size, CK_BYTE_PTR signature,
           CK_ULONG_PTR signature_size) {
    if (call.rules.max_hmac_bytes && call.session->signing == CKM_SHA256_HMAC &&
        size > *call.rules.max_hmac_bytes) {
        end_operation(call.real, session, "C_Sign"_fn);
        return CKR_DATA_LEN_RANGE;
    }
    return call.real.C_Sign(session, data, size, signature, signature_size);
}

CK_RV unwrap_key(Call& call, CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key,
                 CK_BYTE_PTR wrapped, CK_ULONG wrapped_size, CK_ATTRIBUTE_PTR attributes, CK_ULONG count,
                 CK_OBJECT_HANDLE_PTR unwrapped) {
    std::vector<CK_ATTRIBUTE> left(attributes, attributes + count);
    if (call.rules.unwrap_wants_value_len) {
        // The real modules keep to the standard, which forbids it.
        if (std::erase_if(left, [](const CK_ATTRIBUTE& a) { return a.type == CKA_VALUE_LEN; }) == 0)
            return CKR_TEMPLATE_INCOMPLETE;
    }
    return call.real.C_UnwrapKey(session, mechanism, key, wrapped, wrapped_size, left.data(), left.size(),
                                 unwrapped);
}

CK_RV find_objects(Call& call, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR objects, CK_ULONG room,
                   CK_ULONG_PTR count) {
    const auto code = call.real.C_FindObjects(session, objects, room, count);
    for (CK_ULONG i = 0; code == CKR_OK && i < *count; ++i) objects[i] = call.device.to_caller(objects[i]);
    return code;
}

CK_RV wait_for_slot_event(Call& /*call*/, CK_FLAGS /*flags*/, CK_SLOT_ID_PTR /*slot*/,
                          CK_VOID_PTR /*reserved*/) {
    return CKR_FUNCTION_NOT_SUPPORTED;  // it blocks, and would keep power cycles waiting
}

/// What is called instead of the real module's function; nullptr: nothing.
template <std::size_t I>
inline constexpr std::nullptr_t kHandler = nullptr;
template <>
inline constexpr auto kHandler<"C_Initialize"_fn> = &initialize;
template <>
inline constexpr auto kHandler<"C_Finalize"_fn> = &finalize;
template <>
inline constexpr auto kHandler<"C_GetTokenInfo"_fn> = &get_token_info;
template <>
inline constexpr auto kHandler<"C_GetMechanismList"_fn> = &get_mechanism_list;
template <>
inline constexpr auto kHandler<"C_GetMechanismInfo"_fn> = &get_mechanism_info;
template <>
inline constexpr auto kHandler<"C_OpenSession"_fn> = &open_session;
template <>
inline constexpr auto kHandler<"C_CloseAllSessions"_fn> = &close_all_sessions;
template <>
inline constexpr auto kHandler<"C_Login"_fn> = &login;
template <>
inline constexpr auto kHandler<"C_FindObjects"_fn> = &find_objects;
template <>
inline constexpr auto kHandler<"C_EncryptInit"_fn> = &encrypt_init;
template <>
inline constexpr auto kHandler<"C_Encrypt"_fn> = &encrypt;
template <>
inline constexpr auto kHandler<"C_EncryptUpdate"_fn> = &encrypt_update;
template <>
inline constexpr auto kHandler<"C_Decrypt"_fn> = &decrypt;
template <>
inline constexpr auto kHandler<"C_SignInit"_fn> = &sign_init;
template <>
inline constexpr auto kHandler<"C_Sign"_fn> = &sign;
template <>
inline constexpr auto kHandler<"C_UnwrapKey"_fn> = &unwrap_key;
template <>
inline constexpr auto kHandler<"C_WaitForSlotEvent"_fn> = &wait_for_slot_event;

[[nodiscard]] constexpr bool has(unsigned mask, std::size_t position) {
    return ((mask >> position) & 1U) != 0;
}

/// Argument `Position` of function `I` as the real module knows it.
template <std::size_t I, std::size_t Position, class Argument>
[[nodiscard]] Argument to_real(const Call& call, Argument argument) {
    constexpr auto& function = std::get<I>(kFunctions);
    constexpr bool in_session = function.scope == Scope::session || function.scope == Scope::key;
    if constexpr (in_session && Position == 0) {
        return call.session->real;
    } else if constexpr (has(function.objects_in, Position)) {
        return call.device.to_real(argument);
    } else {
        return argument;
    }
}

/// Makes the handle that function `I` returned through this argument one of ours.
template <std::size_t I, std::size_t Position, class Argument>
void to_caller(const Call& call, Argument argument) {
    if constexpr (has(std::get<I>(kFunctions).objects_out, Position)) {
        if (argument != nullptr) *argument = call.device.to_caller(*argument);
    }
}

/// Makes a mechanism among the arguments the real module's. False: callers cannot know it by this number.
template <class Argument>
[[nodiscard]] bool renumber(Call& call, Argument& argument) {
    if constexpr (std::is_same_v<Argument, CK_MECHANISM_PTR>) {
        if (argument == nullptr) return true;
        const auto real = call.rules.real_mechanism(argument->mechanism);
        if (!real) return false;
        call.mechanism = *argument;
        call.mechanism.mechanism = *real;
        argument = &call.mechanism;
    }
    return true;
}

/// Calls the handler of function `I`, or the real module, with handles translated on both ways.
template <std::size_t I, class... Arguments, std::size_t... Position>
CK_RV forward(Call& call, std::index_sequence<Position...> /*positions*/, Arguments... arguments) {
    if (!(renumber(call, arguments) && ...)) return CKR_MECHANISM_INVALID;
    CK_RV code = CKR_OK;
    if constexpr (std::is_same_v<decltype(kHandler<I>), const std::nullptr_t>) {
        code = (call.real.*std::get<I>(kFunctions).member)(to_real<I, Position>(call, arguments)...);
    } else {
        code = kHandler<I>(call, to_real<I, Position>(call, arguments)...);
    }
    if (code == CKR_OK) (to_caller<I, Position>(call, arguments), ...);
    return code;
}

/// The first argument of a function in the scopes session and key.
template <class... Arguments>
[[nodiscard]] CK_SESSION_HANDLE session_of(CK_SESSION_HANDLE session, Arguments... /*others*/) {
    return session;
}

/// One call, with the gate held.
template <std::size_t I, class... Arguments>
CK_RV run_admitted(Device& device, Rules& rules, const CK_FUNCTION_LIST& real, Arguments... arguments) {
    constexpr auto& function = std::get<I>(kFunctions);
    constexpr bool in_session = function.scope == Scope::session || function.scope == Scope::key;
    std::shared_ptr<Session> session;
    if constexpr (in_session) session = device.find_session(session_of(arguments...));
    Call call{device, rules, real, session.get(), {}};

    const auto refuse = [&](CK_RV code) {
        if (session) end_operation(real, session->real, I);
        return code;
    };
    if constexpr (function.scope != Scope::library) {
        if (const auto code = device.outage()) return *code;
    }
    if (const auto code = rules.failure(I)) {
        device.stats().add(Gauge::failures_injected);
        return refuse(*code);
    }
    if (in_session && !session) return CKR_SESSION_HANDLE_INVALID;
    if (function.scope == Scope::key && device.login_forgotten(session->slot))
        return refuse(CKR_USER_NOT_LOGGED_IN);

    const auto code = forward<I>(call, std::index_sequence_for<Arguments...>{}, arguments...);
    if constexpr (I == "C_CloseSession"_fn) {
        if (code == CKR_OK) device.remove_session(session_of(arguments...));
    }
    return code;
}

template <std::size_t I, class... Arguments>
CK_RV run(Arguments... arguments) {
    auto& device = Device::instance();
    const auto rules = device.admit(I);
    if (!rules) return CKR_ARGUMENTS_BAD;
    if (device.real() == nullptr) return CKR_GENERAL_ERROR;
    // Nothing may run beside what makes or ends the real module's state.
    if constexpr (std::get<I>(kFunctions).scope == Scope::library) {
        const auto alone = device.gate().exclusive();
        return run_admitted<I>(device, *rules, *device.real(), arguments...);
    } else {
        const auto admitted = device.gate().shared();
        return run_admitted<I>(device, *rules, *device.real(), arguments...);
    }
}

template <std::size_t I, class Member>
struct Stub;

template <std::size_t I, class... Arguments>
struct Stub<I, CK_RV (*List::*)(Arguments...)> {
    static CK_RV call(Arguments... arguments) noexcept {
        try {
            return run<I>(arguments...);
        } catch (const std::exception& error) {
            std::fprintf(stderr, "hsm-shim: %s\n", error.what());
            return CKR_GENERAL_ERROR;
        }
    }
};

CK_RV get_function_list(CK_FUNCTION_LIST_PTR_PTR list);

CK_FUNCTION_LIST make_function_list() {
    CK_FUNCTION_LIST list{};
    list.version = {2, 40};
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        ((list.*std::get<I>(kFunctions).member =
              &Stub<I, std::remove_const_t<decltype(std::get<I>(kFunctions).member)>>::call),
         ...);
    }
    (std::make_index_sequence<kFunctionCount>{});
    list.C_GetFunctionList = &get_function_list;  // answers without a real module
    return list;
}

CK_RV get_function_list(CK_FUNCTION_LIST_PTR_PTR list) {
    static CK_FUNCTION_LIST functions = make_function_list();
    if (list == nullptr) return CKR_ARGUMENTS_BAD;
    *list = &functions;
    return CKR_OK;
}

}  // namespace
}  // namespace coffer::shim

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
    return coffer::shim::get_function_list(list);
}
