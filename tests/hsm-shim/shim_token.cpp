#include "tests/hsm-shim/shim_token.hpp"

#include <dlfcn.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace coffer::shim {
namespace {

CK_UTF8CHAR_PTR bytes_of(std::string& text) {
    return reinterpret_cast<CK_UTF8CHAR_PTR>(text.data());
}

void expect_ok(CK_RV code, const char* what) {
    if (code != CKR_OK) throw std::runtime_error(std::string(what) + " answered " + std::to_string(code));
}

std::filesystem::path make_directory() {
    std::string path = (std::filesystem::temp_directory_path() / "coffer-shim-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("cannot make " + path);
    return path;
}

std::string trimmed_label(const CK_TOKEN_INFO& info) {
    std::string label(std::begin(info.label), std::end(info.label));
    label.erase(label.find_last_not_of(' ') + 1);
    return label;
}

}  // namespace

std::string tested_token() {
    return COFFER_SHIM_TEST_TOKEN;
}

ShimToken::ShimToken() : directory_(make_directory()) {
    const bool nss = tested_token() == "nss";
    control_ =
        std::make_unique<ShimControl>(directory_, nss ? "libsoftokn3.so" : "/usr/lib/softhsm/libsofthsm2.so");
    control_->set_environment();
    void* const library = ::dlopen(ShimControl::module().c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error(::dlerror());
    const auto get_list = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
    expect_ok(get_list(&list_), "C_GetFunctionList");
    if (nss) {
        make_nss();
    } else {
        make_softhsm2();
    }
}

ShimToken::~ShimToken() {
    control_->set("");
    list_->C_Finalize(nullptr);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

CK_RV ShimToken::initialize() {
    // pReserved is not const in C, though nobody writes to it.
    std::string parameters = library_parameters_;
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    arguments.pReserved = parameters.empty() ? nullptr : parameters.data();
    const auto code = list_->C_Initialize(&arguments);
    if (code == CKR_OK) find_slot();
    return code;
}

void ShimToken::find_slot() {
    slot_ = slots().back();  // NSS: the first slot is the one without a token
    for (const auto slot : slots()) {
        CK_TOKEN_INFO info{};
        if (list_->C_GetTokenInfo(slot, &info) == CKR_OK && trimmed_label(info) == "shim") slot_ = slot;
    }
}

std::vector<CK_SLOT_ID> ShimToken::slots() const {
    CK_ULONG count = 0;
    expect_ok(list_->C_GetSlotList(CK_TRUE, nullptr, &count), "C_GetSlotList");
    std::vector<CK_SLOT_ID> slots(count);
    expect_ok(list_->C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList");
    return slots;
}

void ShimToken::make_softhsm2() {
    const auto configuration = directory_ / "softhsm2.conf";
    std::filesystem::create_directory(directory_ / "tokens");
    std::ofstream(configuration) << "directories.tokendir = " << (directory_ / "tokens").string() << '\n';
    ::setenv("SOFTHSM2_CONF", configuration.c_str(), 1);
    expect_ok(initialize(), "C_Initialize");
    std::string so_pin = "87654321";
    std::string label(32, ' ');
    label.replace(0, 4, "shim");
    expect_ok(list_->C_InitToken(slots().front(), bytes_of(so_pin), so_pin.size(), bytes_of(label)),
              "C_InitToken");
    find_slot();
    set_pin(so_pin);
}

void ShimToken::make_nss() {
    library_parameters_ =
        "configdir='sql:" + directory_.string() + "' certPrefix='' keyPrefix='' secmod='secmod.db' flags=";
    expect_ok(initialize(), "C_Initialize");
    set_pin("");
}

void ShimToken::set_pin(const std::string& so_pin) const {
    CK_SESSION_HANDLE session = 0;
    expect_ok(list_->C_OpenSession(slot_, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session),
              "C_OpenSession");
    std::string so = so_pin;
    std::string user = pin();
    expect_ok(list_->C_Login(session, CKU_SO, bytes_of(so), so.size()), "C_Login of the SO");
    expect_ok(list_->C_InitPIN(session, bytes_of(user), user.size()), "C_InitPIN");
    expect_ok(list_->C_Logout(session), "C_Logout");
    expect_ok(list_->C_CloseSession(session), "C_CloseSession");
}

}  // namespace coffer::shim
