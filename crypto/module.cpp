#include "crypto/module.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <libp11.h>
#include <openssl/err.h>

#include "crypto/pkcs11_error.hpp"

namespace coffer::crypto {

namespace {

std::string last_dl_error() {
    const char* text = dlerror();
    return text != nullptr ? text : "unknown reason";
}

/// The CKR code that libp11 put on OpenSSL's error queue; CKR_GENERAL_ERROR when it left none.
CK_RV take_libp11_code() {
    const unsigned long error = ERR_peek_last_error();
    ERR_clear_error();
    const auto reason = static_cast<CK_RV>(ERR_GET_REASON(error));
    return reason != CKR_OK ? reason : CKR_GENERAL_ERROR;
}

}  // namespace

void Module::LibraryCloser::operator()(void* library) const noexcept {
    dlclose(library);
}

void Module::ContextCloser::operator()(PKCS11_CTX* context) const noexcept {
    PKCS11_CTX_unload(context);  // C_Finalize
    PKCS11_CTX_free(context);
}

std::unique_ptr<Module> Module::load(std::filesystem::path path, std::string arguments) {
    std::unique_ptr<Module> module(new Module(std::move(path), std::move(arguments)));
    module->initialize();
    return module;
}

Module::Module(std::filesystem::path path, std::string arguments)
    : path_(std::move(path)), arguments_(std::move(arguments)) {
    library_.reset(dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE));
    if (!library_) {
        throw Error(fmt::format("cannot load the PKCS#11 module {}: {}", path_.string(), last_dl_error()));
    }
    const auto get_list = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library_.get(), "C_GetFunctionList"));
    if (get_list == nullptr) {
        throw Error(fmt::format("{} is not a PKCS#11 module: it has no C_GetFunctionList", path_.string()));
    }
    check("C_GetFunctionList", get_list(&functions_));
}

Module::~Module() = default;

void Module::initialize() {
    std::unique_ptr<PKCS11_CTX, void (*)(PKCS11_CTX*)> context(PKCS11_CTX_new(), PKCS11_CTX_free);
    if (!context) throw std::bad_alloc();
    if (!arguments_.empty()) PKCS11_CTX_init_args(context.get(), arguments_.c_str());
    ERR_clear_error();
    if (PKCS11_CTX_load(context.get(), path_.c_str()) != 0) {
        throw Pkcs11Error("C_Initialize", take_libp11_code());
    }
    context_.reset(context.release());
}

void Module::reinitialize() {
    context_.reset();
    initialize();
}

}  // namespace coffer::crypto
