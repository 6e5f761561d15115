#pragma once
// A PKCS#11 module, loaded and initialized once for the process: through libp11, which serves private keys,
// together with the raw function list of the same shared object, which serves everything else.

#include <filesystem>
#include <memory>
#include <string>

#include "crypto/pkcs11.hpp"

// libp11's handle of a module; <libp11.h> is included where it is used.
typedef struct PKCS11_ctx_st PKCS11_CTX;

namespace coffer::crypto {

/// Closed last: everything that came from the module (sessions, libp11's keys) must be gone before, since
/// C_Finalize ends them all. The shared object itself stays mapped until the process ends; modules that
/// start threads or register exit handlers do not survive being unmapped.
///
/// functions() may be used by any thread (the module is asked for its own locking, CKF_OS_LOCKING_OK).
class Module {
public:
    /// `arguments` is handed to C_Initialize as pReserved, which is where NSS softokn looks for its
    /// parameters; most modules want none. Throws Error that says what is wrong with the file, Pkcs11Error
    /// when C_Initialize fails. CKR_CRYPTOKI_ALREADY_INITIALIZED counts as success.
    [[nodiscard]] static std::unique_ptr<Module> load(std::filesystem::path path, std::string arguments);
    ~Module();
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;

    [[nodiscard]] CK_FUNCTION_LIST& functions() const noexcept { return *functions_; }
    /// libp11's side of the module. Null only while reinitialize() has failed.
    [[nodiscard]] PKCS11_CTX* libp11() const noexcept { return context_.get(); }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

    /// Finalizes the module and initializes it again, libp11 included. No other thread may be inside the
    /// module. Throws as load(); may be called again then.
    void reinitialize();

private:
    struct LibraryCloser {
        void operator()(void* library) const noexcept;
    };
    struct ContextCloser {
        void operator()(PKCS11_CTX* context) const noexcept;
    };

    Module(std::filesystem::path path, std::string arguments);
    void initialize();

    std::filesystem::path path_;
    std::string arguments_;
    std::unique_ptr<void, LibraryCloser> library_;
    CK_FUNCTION_LIST* functions_ = nullptr;  // belongs to the library
    std::unique_ptr<PKCS11_CTX, ContextCloser> context_;
};

}  // namespace coffer::crypto
