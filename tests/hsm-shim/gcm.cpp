#include "tests/hsm-shim/gcm.hpp"

#include <algorithm>
#include <span>

namespace coffer::shim {
namespace {

constexpr CK_ULONG kTagBytes = 16;
/// AWS CloudHSM: 12 bytes, written to the caller's buffer, which has to hold zeros.
constexpr CK_ULONG kWrittenBackIvBytes = 12;
/// Thales Luna in FIPS mode: 16 bytes behind the tag; the caller cuts them off and gives them when
/// decrypting.
constexpr CK_ULONG kAppendedIvBytes = 16;

bool is_zero_buffer(const CK_GCM_PARAMS& parameters) {
    if (parameters.pIv == nullptr || parameters.ulIvLen != kWrittenBackIvBytes) return false;
    return std::ranges::all_of(std::span(parameters.pIv, parameters.ulIvLen),
                               [](CK_BYTE b) { return b == 0; });
}

}  // namespace

CK_RV encrypt_init(Call& call, CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
    call.session->own_iv.reset();
    const auto mode = call.rules.iv_mode;
    if (mode == IvMode::caller || mechanism == nullptr || mechanism->mechanism != CKM_AES_GCM) {
        return call.real.C_EncryptInit(session, mechanism, key);
    }
    if (mechanism->pParameter == nullptr || mechanism->ulParameterLen != sizeof(CK_GCM_PARAMS)) {
        return CKR_MECHANISM_PARAM_INVALID;
    }
    auto parameters = *static_cast<const CK_GCM_PARAMS*>(mechanism->pParameter);
    if (mode == IvMode::written_back && !is_zero_buffer(parameters)) return CKR_MECHANISM_PARAM_INVALID;

    OwnIv own;
    own.size = mode == IvMode::written_back ? kWrittenBackIvBytes : kAppendedIvBytes;
    own.written_back = mode == IvMode::written_back ? parameters.pIv : nullptr;
    if (const auto code = call.real.C_GenerateRandom(session, own.iv.data(), own.size); code != CKR_OK)
        return code;
    parameters.pIv = own.iv.data();
    parameters.ulIvLen = own.size;
    parameters.ulIvBits = own.size * 8;
    CK_MECHANISM real_mechanism{CKM_AES_GCM, &parameters, sizeof parameters};
    const auto code = call.real.C_EncryptInit(session, &real_mechanism, key);
    if (code == CKR_OK) call.session->own_iv = own;
    return code;
}

CK_RV encrypt(Call& call, CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG size, CK_BYTE_PTR out,
              CK_ULONG_PTR out_size) {
    auto& own = call.session->own_iv;
    if (call.rules.max_call_bytes && size > *call.rules.max_call_bytes) {
        own.reset();
        end_operation(call.real, session, "C_Encrypt"_fn);
        return CKR_DATA_LEN_RANGE;
    }
    if (!own || out_size == nullptr) return call.real.C_Encrypt(session, data, size, out, out_size);

    const CK_ULONG appended = own->written_back == nullptr ? own->size : 0;
    // With less room than the IV takes, ask the real module for the length only.
    const bool length_only = out == nullptr || *out_size < appended;
    CK_ULONG real_size = length_only ? 0 : *out_size - appended;
    auto code = call.real.C_Encrypt(session, data, size, length_only ? nullptr : out, &real_size);
    if (code == CKR_OK || code == CKR_BUFFER_TOO_SMALL) *out_size = real_size + appended;
    if (code == CKR_OK && length_only && out != nullptr) code = CKR_BUFFER_TOO_SMALL;
    if (code == CKR_OK && !length_only) {
        std::ranges::copy(std::span(own->iv).first(own->size),
                          own->written_back != nullptr ? own->written_back : out + real_size);
    }
    const bool goes_on = code == CKR_BUFFER_TOO_SMALL || (code == CKR_OK && length_only);
    if (!goes_on) own.reset();
    return code;
}

CK_RV encrypt_update(Call& call, CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG size, CK_BYTE_PTR out,
                     CK_ULONG_PTR out_size) {
    if (call.session->own_iv) return CKR_FUNCTION_NOT_SUPPORTED;
    return call.real.C_EncryptUpdate(session, data, size, out, out_size);
}

CK_RV decrypt(Call& call, CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG size, CK_BYTE_PTR out,
              CK_ULONG_PTR out_size) {
    if (call.rules.max_call_bytes && size > *call.rules.max_call_bytes + kTagBytes) {
        end_operation(call.real, session, "C_Decrypt"_fn);
        return CKR_ENCRYPTED_DATA_LEN_RANGE;
    }
    return call.real.C_Decrypt(session, data, size, out, out_size);
}

void end_operation(const CK_FUNCTION_LIST& real, CK_SESSION_HANDLE session, std::size_t function) {
    std::array<CK_BYTE, 4096> scratch{};
    CK_ULONG size = scratch.size();
    CK_BYTE byte = 0;
    switch (function) {
        case "C_Encrypt"_fn:
            real.C_Encrypt(session, &byte, 0, scratch.data(), &size);
            break;
        case "C_Decrypt"_fn:
            real.C_Decrypt(session, &byte, 1, scratch.data(), &size);
            break;
        case "C_Digest"_fn:
            real.C_Digest(session, &byte, 1, scratch.data(), &size);
            break;
        case "C_Sign"_fn:
            real.C_Sign(session, &byte, 1, scratch.data(), &size);
            break;
        case "C_Verify"_fn:
            real.C_Verify(session, &byte, 1, scratch.data(), 32);
            break;
        case "C_EncryptFinal"_fn:
            real.C_EncryptFinal(session, scratch.data(), &size);
            break;
        case "C_DecryptFinal"_fn:
            real.C_DecryptFinal(session, scratch.data(), &size);
            break;
        case "C_DigestFinal"_fn:
            real.C_DigestFinal(session, scratch.data(), &size);
            break;
        case "C_SignFinal"_fn:
            real.C_SignFinal(session, scratch.data(), &size);
            break;
        case "C_VerifyFinal"_fn:
            real.C_VerifyFinal(session, scratch.data(), 32);
            break;
        case "C_FindObjectsFinal"_fn:
            real.C_FindObjectsFinal(session);
            break;
        default:
            break;  // no other function ends an operation
    }
}

}  // namespace coffer::shim
