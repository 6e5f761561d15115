#include "crypto/pkcs11_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace coffer::crypto {

namespace {

struct CodeRow {
    CK_RV code;
    std::string_view name;
    ErrorClass error_class;
    bool may_mean_altered = false;
};

using enum ErrorClass;
constexpr bool kAltered = true;

// Sorted by code. The last column is for C_Decrypt and C_UnwrapKey alone. Codes that name no cause
// (GENERAL_ERROR, FUNCTION_FAILED, DEVICE_ERROR) are `module`, since that is what cures the worst of their
// causes; recovery looks first whether the session works after all.
constexpr std::array kCodes = {
    CodeRow{CKR_OK, "CKR_OK", module},  // and yet the result was wrong
    CodeRow{CKR_CANCEL, "CKR_CANCEL", again},
    CodeRow{CKR_HOST_MEMORY, "CKR_HOST_MEMORY", again},
    CodeRow{CKR_SLOT_ID_INVALID, "CKR_SLOT_ID_INVALID", module},
    CodeRow{CKR_GENERAL_ERROR, "CKR_GENERAL_ERROR", module, kAltered},
    CodeRow{CKR_FUNCTION_FAILED, "CKR_FUNCTION_FAILED", module, kAltered},
    CodeRow{CKR_ARGUMENTS_BAD, "CKR_ARGUMENTS_BAD", caller},
    CodeRow{CKR_NEED_TO_CREATE_THREADS, "CKR_NEED_TO_CREATE_THREADS", fatal},
    CodeRow{CKR_CANT_LOCK, "CKR_CANT_LOCK", fatal},
    CodeRow{CKR_ATTRIBUTE_READ_ONLY, "CKR_ATTRIBUTE_READ_ONLY", caller},
    CodeRow{CKR_ATTRIBUTE_SENSITIVE, "CKR_ATTRIBUTE_SENSITIVE", caller},
    CodeRow{CKR_ATTRIBUTE_TYPE_INVALID, "CKR_ATTRIBUTE_TYPE_INVALID", caller},
    CodeRow{CKR_ATTRIBUTE_VALUE_INVALID, "CKR_ATTRIBUTE_VALUE_INVALID", caller},
    CodeRow{CKR_ACTION_PROHIBITED, "CKR_ACTION_PROHIBITED", caller},
    CodeRow{CKR_DATA_INVALID, "CKR_DATA_INVALID", caller, kAltered},
    CodeRow{CKR_DATA_LEN_RANGE, "CKR_DATA_LEN_RANGE", caller, kAltered},
    CodeRow{CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR", module, kAltered},
    CodeRow{CKR_DEVICE_MEMORY, "CKR_DEVICE_MEMORY", again},
    CodeRow{CKR_DEVICE_REMOVED, "CKR_DEVICE_REMOVED", module},
    CodeRow{CKR_ENCRYPTED_DATA_INVALID, "CKR_ENCRYPTED_DATA_INVALID", integrity, kAltered},
    CodeRow{CKR_ENCRYPTED_DATA_LEN_RANGE, "CKR_ENCRYPTED_DATA_LEN_RANGE", integrity, kAltered},
    CodeRow{kCkrAeadDecryptFailed, "CKR_AEAD_DECRYPT_FAILED", integrity, kAltered},
    CodeRow{CKR_FUNCTION_CANCELED, "CKR_FUNCTION_CANCELED", again},
    CodeRow{CKR_FUNCTION_NOT_PARALLEL, "CKR_FUNCTION_NOT_PARALLEL", fatal},
    CodeRow{CKR_FUNCTION_NOT_SUPPORTED, "CKR_FUNCTION_NOT_SUPPORTED", caller},
    CodeRow{CKR_KEY_HANDLE_INVALID, "CKR_KEY_HANDLE_INVALID", session},
    CodeRow{CKR_KEY_SIZE_RANGE, "CKR_KEY_SIZE_RANGE", caller},
    CodeRow{CKR_KEY_TYPE_INCONSISTENT, "CKR_KEY_TYPE_INCONSISTENT", caller},
    CodeRow{CKR_KEY_NOT_NEEDED, "CKR_KEY_NOT_NEEDED", caller},
    CodeRow{CKR_KEY_CHANGED, "CKR_KEY_CHANGED", session},
    CodeRow{CKR_KEY_NEEDED, "CKR_KEY_NEEDED", caller},
    CodeRow{CKR_KEY_INDIGESTIBLE, "CKR_KEY_INDIGESTIBLE", caller},
    CodeRow{CKR_KEY_FUNCTION_NOT_PERMITTED, "CKR_KEY_FUNCTION_NOT_PERMITTED", caller},
    CodeRow{CKR_KEY_NOT_WRAPPABLE, "CKR_KEY_NOT_WRAPPABLE", caller},
    CodeRow{CKR_KEY_UNEXTRACTABLE, "CKR_KEY_UNEXTRACTABLE", caller},
    CodeRow{CKR_MECHANISM_INVALID, "CKR_MECHANISM_INVALID", caller},
    CodeRow{CKR_MECHANISM_PARAM_INVALID, "CKR_MECHANISM_PARAM_INVALID", caller},
    CodeRow{CKR_OBJECT_HANDLE_INVALID, "CKR_OBJECT_HANDLE_INVALID", session},
    CodeRow{CKR_OPERATION_ACTIVE, "CKR_OPERATION_ACTIVE", session},
    CodeRow{CKR_OPERATION_NOT_INITIALIZED, "CKR_OPERATION_NOT_INITIALIZED", session},
    CodeRow{CKR_PIN_INCORRECT, "CKR_PIN_INCORRECT", fatal},
    CodeRow{CKR_PIN_INVALID, "CKR_PIN_INVALID", fatal},
    CodeRow{CKR_PIN_LEN_RANGE, "CKR_PIN_LEN_RANGE", fatal},
    CodeRow{CKR_PIN_EXPIRED, "CKR_PIN_EXPIRED", fatal},
    CodeRow{CKR_PIN_LOCKED, "CKR_PIN_LOCKED", fatal},
    CodeRow{CKR_SESSION_CLOSED, "CKR_SESSION_CLOSED", session},
    CodeRow{CKR_SESSION_COUNT, "CKR_SESSION_COUNT", again},
    CodeRow{CKR_SESSION_HANDLE_INVALID, "CKR_SESSION_HANDLE_INVALID", session},
    CodeRow{CKR_SESSION_PARALLEL_NOT_SUPPORTED, "CKR_SESSION_PARALLEL_NOT_SUPPORTED", fatal},
    CodeRow{CKR_SESSION_READ_ONLY, "CKR_SESSION_READ_ONLY", caller},
    CodeRow{CKR_SESSION_EXISTS, "CKR_SESSION_EXISTS", caller},
    CodeRow{CKR_SESSION_READ_ONLY_EXISTS, "CKR_SESSION_READ_ONLY_EXISTS", fatal},
    CodeRow{CKR_SESSION_READ_WRITE_SO_EXISTS, "CKR_SESSION_READ_WRITE_SO_EXISTS", fatal},
    CodeRow{CKR_SIGNATURE_INVALID, "CKR_SIGNATURE_INVALID", integrity, kAltered},
    CodeRow{CKR_SIGNATURE_LEN_RANGE, "CKR_SIGNATURE_LEN_RANGE", integrity, kAltered},
    CodeRow{CKR_TEMPLATE_INCOMPLETE, "CKR_TEMPLATE_INCOMPLETE", caller},
    CodeRow{CKR_TEMPLATE_INCONSISTENT, "CKR_TEMPLATE_INCONSISTENT", caller},
    CodeRow{CKR_TOKEN_NOT_PRESENT, "CKR_TOKEN_NOT_PRESENT", module},
    CodeRow{CKR_TOKEN_NOT_RECOGNIZED, "CKR_TOKEN_NOT_RECOGNIZED", module},
    CodeRow{CKR_TOKEN_WRITE_PROTECTED, "CKR_TOKEN_WRITE_PROTECTED", caller},
    CodeRow{CKR_UNWRAPPING_KEY_HANDLE_INVALID, "CKR_UNWRAPPING_KEY_HANDLE_INVALID", session},
    CodeRow{CKR_UNWRAPPING_KEY_SIZE_RANGE, "CKR_UNWRAPPING_KEY_SIZE_RANGE", caller},
    CodeRow{CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, "CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT", caller},
    CodeRow{CKR_USER_ALREADY_LOGGED_IN, "CKR_USER_ALREADY_LOGGED_IN", again},
    CodeRow{CKR_USER_NOT_LOGGED_IN, "CKR_USER_NOT_LOGGED_IN", login},
    CodeRow{CKR_USER_PIN_NOT_INITIALIZED, "CKR_USER_PIN_NOT_INITIALIZED", fatal},
    CodeRow{CKR_USER_TYPE_INVALID, "CKR_USER_TYPE_INVALID", fatal},
    CodeRow{CKR_USER_ANOTHER_ALREADY_LOGGED_IN, "CKR_USER_ANOTHER_ALREADY_LOGGED_IN", fatal},
    CodeRow{CKR_USER_TOO_MANY_TYPES, "CKR_USER_TOO_MANY_TYPES", fatal},
    CodeRow{CKR_WRAPPED_KEY_INVALID, "CKR_WRAPPED_KEY_INVALID", integrity, kAltered},
    CodeRow{CKR_WRAPPED_KEY_LEN_RANGE, "CKR_WRAPPED_KEY_LEN_RANGE", integrity, kAltered},
    CodeRow{CKR_WRAPPING_KEY_HANDLE_INVALID, "CKR_WRAPPING_KEY_HANDLE_INVALID", session},
    CodeRow{CKR_WRAPPING_KEY_SIZE_RANGE, "CKR_WRAPPING_KEY_SIZE_RANGE", caller},
    CodeRow{CKR_WRAPPING_KEY_TYPE_INCONSISTENT, "CKR_WRAPPING_KEY_TYPE_INCONSISTENT", caller},
    CodeRow{CKR_RANDOM_NO_RNG, "CKR_RANDOM_NO_RNG", fatal},
    CodeRow{CKR_DOMAIN_PARAMS_INVALID, "CKR_DOMAIN_PARAMS_INVALID", caller},
    CodeRow{CKR_CURVE_NOT_SUPPORTED, "CKR_CURVE_NOT_SUPPORTED", caller},
    // The operation stays active after it (PKCS#11 2.40, 5.2), so the session is of no use any more.
    CodeRow{CKR_BUFFER_TOO_SMALL, "CKR_BUFFER_TOO_SMALL", session},
    CodeRow{CKR_CRYPTOKI_NOT_INITIALIZED, "CKR_CRYPTOKI_NOT_INITIALIZED", module},
    CodeRow{CKR_CRYPTOKI_ALREADY_INITIALIZED, "CKR_CRYPTOKI_ALREADY_INITIALIZED", again},
    CodeRow{CKR_MUTEX_BAD, "CKR_MUTEX_BAD", module},
    CodeRow{CKR_MUTEX_NOT_LOCKED, "CKR_MUTEX_NOT_LOCKED", module},
    CodeRow{CKR_FIPS_SELF_TEST_FAILED, "CKR_FIPS_SELF_TEST_FAILED", fatal},
    CodeRow{CKR_LIBRARY_LOAD_FAILED, "CKR_LIBRARY_LOAD_FAILED", module},
    CodeRow{CKR_FUNCTION_REJECTED, "CKR_FUNCTION_REJECTED", caller},
    CodeRow{kCkrOperationCancelFailed, "CKR_OPERATION_CANCEL_FAILED", session},
};
static_assert(std::ranges::is_sorted(kCodes, {}, &CodeRow::code));

const CodeRow* find(CK_RV code) noexcept {
    const auto* const row = std::ranges::lower_bound(kCodes, code, {}, &CodeRow::code);
    return row != kCodes.end() && row->code == code ? row : nullptr;
}

}  // namespace

std::string_view to_text(ErrorClass error_class) noexcept {
    switch (error_class) {
        case again:
            return "again";
        case session:
            return "session";
        case login:
            return "login";
        case module:
            return "module";
        case caller:
            return "caller";
        case integrity:
            return "integrity";
        case fatal:
            return "fatal";
    }
    return "unknown";
}

bool may_mean_altered(CK_RV code) noexcept {
    const CodeRow* row = find(code);
    // A vendor's own code says nothing that we know: the data may be to blame as well as the token.
    return row == nullptr || row->may_mean_altered;
}

std::string code_name(CK_RV code) {
    const CodeRow* row = find(code);
    return row != nullptr ? std::string(row->name) : fmt::format("CKR {:#x}", code);
}

ErrorClass classify(CK_RV code) noexcept {
    const CodeRow* row = find(code);
    return row != nullptr ? row->error_class : module;
}

Pkcs11Error::Pkcs11Error(std::string_view function, CK_RV code)
    : Pkcs11Error(function, code, classify(code)) {}

Pkcs11Error::Pkcs11Error(std::string_view function, CK_RV code, ErrorClass error_class)
    : Error(fmt::format("{} answered {} ({:#x})", function, code_name(code), code)),
      function_(function),
      code_(code),
      class_(error_class) {}

}  // namespace coffer::crypto
