#include "tests/support/tokens.hpp"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "crypto/key_factory.hpp"
#include "crypto/pkcs11_error.hpp"

extern char** environ;

namespace coffer::testing {

namespace {

namespace fs = std::filesystem;

fs::path first_existing(std::initializer_list<const char*> candidates) {
    for (const char* path : candidates) {
        if (fs::exists(path)) return path;
    }
    throw std::runtime_error(fmt::format("{} is not installed", *candidates.begin()));
}

fs::path make_directory() {
    std::string pattern = (fs::temp_directory_path() / "coffer-token-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        throw std::system_error(errno, std::generic_category(), "mkdtemp");
    }
    return pattern;
}

void run(std::vector<std::string> command) {
    std::vector<char*> argv;
    for (auto& word : command) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t child = 0;
    if (const int error = ::posix_spawnp(&child, argv[0], nullptr, nullptr, argv.data(), environ);
        error != 0) {
        throw std::system_error(error, std::generic_category(), command.front());
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        throw std::runtime_error(command.front() + " failed");
    }
}

/// The slot that SoftHSM2 keeps for the next token.
CK_SLOT_ID uninitialized_slot(const crypto::Module& module) {
    std::array<CK_SLOT_ID, 64> slots{};
    CK_ULONG count = slots.size();
    crypto::check("C_GetSlotList", module.functions().C_GetSlotList(CK_TRUE, slots.data(), &count));
    for (CK_ULONG i = 0; i < count; ++i) {
        CK_TOKEN_INFO info{};
        crypto::check("C_GetTokenInfo", module.functions().C_GetTokenInfo(slots.at(i), &info));
        if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) return slots.at(i);
    }
    throw std::runtime_error("SoftHSM2 offers no slot for a new token");
}

template <std::size_t N>
std::array<unsigned char, N> padded(std::string_view text) {
    std::array<unsigned char, N> out{};
    out.fill(' ');
    std::copy(text.begin(), text.end(), out.begin());
    return out;
}

unsigned char* characters(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

void initialize_softhsm_token(const fs::path& module_path, std::string_view label) {
    const auto module = crypto::Module::load(module_path, "");
    auto& f = module->functions();
    const CK_SLOT_ID slot = uninitialized_slot(*module);
    std::string officer_pin(TestToken::officer_pin());
    std::string pin(TestToken::pin());
    auto padded_label = padded<32>(label);
    crypto::check("C_InitToken",
                  f.C_InitToken(slot, characters(officer_pin), officer_pin.size(), padded_label.data()));
    const auto session =
        crypto::Session::open(*module, crypto::SlotId(slot), crypto::SessionMode::read_write);
    crypto::check("C_Login",
                  f.C_Login(session.handle(), CKU_SO, characters(officer_pin), officer_pin.size()));
    crypto::check("C_InitPIN", f.C_InitPIN(session.handle(), characters(pin), pin.size()));
}

}  // namespace

std::string_view to_text(TokenKind kind) noexcept {
    return kind == TokenKind::softhsm2 ? "SoftHSM2" : "NSS";
}

TestToken::TestToken(TokenKind kind) : kind_(kind), dir_(make_directory()) {}

TestToken TestToken::make(TokenKind kind, bool with_keys) {
    TestToken token(kind);
    token.write_pin_file(pin());
    token.initialize();
    if (with_keys) token.make_keys();
    return token;
}

TestToken::~TestToken() {
    if (dir_.empty()) return;
    std::error_code ignored;
    fs::remove_all(dir_, ignored);
}

void TestToken::use() const {
    for (const auto& [name, value] : environment()) ::setenv(name.c_str(), value.c_str(), 1);
}

fs::path TestToken::module() const {
    if (kind_ == TokenKind::nss) {
        return first_existing({"/usr/lib/x86_64-linux-gnu/libsoftokn3.so",
                               "/usr/lib/aarch64-linux-gnu/libsoftokn3.so", "/usr/lib64/libsoftokn3.so"});
    }
    return first_existing({"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"});
}

std::string TestToken::uri() const {
    return kind_ == TokenKind::nss ? "pkcs11:token=NSS%20Certificate%20DB" : "pkcs11:token=coffer-test";
}

crypto::Profile TestToken::profile() const {
    crypto::Profile profile;
    profile.name = to_text(kind_);
    if (kind_ == TokenKind::nss) {
        profile.module_arguments =
            "configdir='sql:{dir}' certPrefix='' keyPrefix='' secmod='secmod.db' flags=";
    }
    return profile;
}

crypto::HsmConfig TestToken::hsm_config() const {
    return {.module = module(),
            .token_dir = dir_,
            .token_uris = {uri()},
            .pin = crypto::PinSource::from_file(pin_file()),
            .profile = profile()};
}

std::vector<std::pair<std::string, std::string>> TestToken::environment() const {
    if (kind_ == TokenKind::nss) return {};
    return {{"SOFTHSM2_CONF", (dir_ / "softhsm2.conf").string()}};
}

void TestToken::write_pin_file(std::string_view pin) const {
    std::ofstream(pin_file(), std::ios::trunc) << pin << '\n';
    fs::permissions(pin_file(), fs::perms::owner_read | fs::perms::owner_write);
}

void TestToken::initialize() const {
    if (kind_ == TokenKind::nss) {
        run({"certutil", "-N", "-d", "sql:" + dir_.string(), "-f", pin_file().string()});
        return;
    }
    fs::create_directory(dir_ / "tokens");
    std::ofstream(dir_ / "softhsm2.conf") << "directories.tokendir = " << (dir_ / "tokens").string()
                                          << "\nobjectstore.backend = file\nlog.level = ERROR\n";
    use();
    initialize_softhsm_token(module(), "coffer-test");
}

void TestToken::add_token(std::string_view label) const {
    use();
    initialize_softhsm_token(module(), label);
}

void TestToken::make_keys() const {
    with_session([](const crypto::Session& session, const crypto::Module&, crypto::SlotId) {
        crypto::KeyFactory factory(session);
        (void)factory.make_master_key("main");
        factory.make_seal_key();
        factory.make_audit_key();
    });
}

}  // namespace coffer::testing
