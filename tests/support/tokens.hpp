#pragma once
// Fresh tokens of both modules that the tests run against, each in a directory of its own that is removed
// afterwards.

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/hsm.hpp"

namespace coffer::testing {

enum class TokenKind { softhsm2, nss };

/// For test names: "SoftHSM2", "NSS".
[[nodiscard]] std::string_view to_text(TokenKind kind) noexcept;

/// A token with a user PIN and, unless told otherwise, Coffer's keys: master key "main", a seal key and an
/// audit key, made by crypto::KeyFactory. One token is in use at a time in a process: SoftHSM2 is told where
/// its tokens are by the environment variable SOFTHSM2_CONF, which make() and use() set.
class TestToken {
public:
    /// Throws when the module is not installed or does not work.
    [[nodiscard]] static TestToken make(TokenKind kind, bool with_keys = true);
    TestToken(TestToken&& other) noexcept = default;
    TestToken& operator=(TestToken&& other) noexcept = delete;
    ~TestToken();

    /// Points this process at the token; for tests that made another one since.
    void use() const;

    [[nodiscard]] TokenKind kind() const noexcept { return kind_; }
    [[nodiscard]] const std::filesystem::path& dir() const noexcept { return dir_; }
    [[nodiscard]] std::filesystem::path module() const;
    /// RFC 7512, by label.
    [[nodiscard]] std::string uri() const;
    [[nodiscard]] std::filesystem::path pin_file() const { return dir_ / "pin"; }
    [[nodiscard]] static std::string_view pin() noexcept { return "1234-test-pin"; }
    [[nodiscard]] static std::string_view officer_pin() noexcept { return "5678-test-so-pin"; }
    [[nodiscard]] crypto::Profile profile() const;
    /// What Hsm::open wants; change it at will.
    [[nodiscard]] crypto::HsmConfig hsm_config() const;
    /// What another process needs in its environment to find the token.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> environment() const;

    /// SoftHSM2 only: one more token beside the first, with the same PINs and without keys.
    void add_token(std::string_view label) const;
    /// Replaces the PIN file's content.
    void write_pin_file(std::string_view pin) const;
    /// Runs `work(session, module, slot)` with a logged-in read-write session, with no Hsm open.
    template <class Work>
    void with_session(Work work) const;

private:
    explicit TestToken(TokenKind kind);
    void initialize() const;
    void make_keys() const;

    TokenKind kind_;
    std::filesystem::path dir_;  // empty after a move
};

/// Every kind that the suites are parameterised over.
[[nodiscard]] inline std::vector<TokenKind> all_token_kinds() {
    return {TokenKind::softhsm2, TokenKind::nss};
}

}  // namespace coffer::testing

#include "crypto/anchor_session.hpp"

namespace coffer::testing {

template <class Work>
void TestToken::with_session(Work work) const {
    use();
    const auto config = hsm_config();
    const auto loaded = crypto::Module::load(config.module, config.module_arguments());
    const auto token = crypto::find_token(*loaded, crypto::parse_token_uris(config.token_uris));
    crypto::PinGuard guard;
    auto anchor =
        crypto::AnchorSession::open(*loaded, token.slot, config.pin, guard, crypto::SessionMode::read_write);
    work(anchor.session(), *loaded, token.slot);
}

}  // namespace coffer::testing
