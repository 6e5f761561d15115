#pragma once
// coffer-hsm with a token to work on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "run_program.hpp"
#include "tests/hsm-shim/shim_control.hpp"
#include "tests/support/tokens.hpp"

namespace coffer::testing {

using Words = std::vector<std::string>;

/// `words`, with those pairs of option and value of `defaults` added whose option is not among them.
[[nodiscard]] Words with_defaults(const Words& words, const Words& defaults);

/// One token, and coffer-hsm run against it: directly or through the shim.
class TokenUnderTool {
public:
    explicit TokenUnderTool(TokenKind kind, bool with_keys = false);

    /// `coffer-hsm COMMAND --module ... --token-uri ... --pin-file ... (what NSS wants) MORE...`; options
    /// in `more` replace those.
    [[nodiscard]] ProgramResult run(const std::string& command, const Words& more = {},
                                    const std::string& input = {}) const;
    /// The same with `words` as they are.
    [[nodiscard]] ProgramResult run_plain(const Words& words, const std::string& input = {}) const;
    /// From now on the tool loads the shim.
    shim::ShimControl& through_shim();

    [[nodiscard]] const TestToken& token() const noexcept { return token_; }
    /// The arguments that name module and token, without a PIN.
    [[nodiscard]] Words token_words() const;
    [[nodiscard]] std::size_t objects_in_token() const;

private:
    TestToken token_;
    std::optional<shim::ShimControl> shim_;
};

/// The JSON that a program printed; a failed expectation with all that it said when there is none.
[[nodiscard]] boost::json::object json_of(const ProgramResult& result);

/// A step of `check --output json`, by name.
[[nodiscard]] boost::json::object step_of(const boost::json::object& report, std::string_view name);

class OnBothTokens : public ::testing::TestWithParam<TokenKind> {};

/// For INSTANTIATE_TEST_SUITE_P.
inline std::string token_name(const ::testing::TestParamInfo<TokenKind>& info) {
    return std::string(to_text(info.param));
}

}  // namespace coffer::testing
