#include "coffer_hsm_fixture.hpp"

#include <algorithm>

#include "crypto/objects.hpp"

namespace coffer::testing {

TokenUnderTool::TokenUnderTool(TokenKind kind, bool with_keys) : token_(TestToken::make(kind, with_keys)) {}

Words TokenUnderTool::token_words() const {
    Words words{"--module", (shim_ ? shim::ShimControl::module() : token_.module()).string(), "--token-uri",
                token_.uri()};
    if (token_.kind() == TokenKind::nss) {
        for (const auto& word : {std::string("--profile"), std::string(COFFER_HSM_PROFILES "/nss.toml"),
                                 std::string("--token-dir"), token_.dir().string()}) {
            words.push_back(word);
        }
    }
    return words;
}

Words with_defaults(const Words& words, const Words& defaults) {
    Words out = words;
    for (std::size_t i = 0; i + 1 < defaults.size(); i += 2) {
        if (std::ranges::find(words, defaults[i]) != words.end()) continue;
        out.push_back(defaults[i]);
        out.push_back(defaults[i + 1]);
    }
    return out;
}

ProgramResult TokenUnderTool::run(const std::string& command, const Words& more,
                                  const std::string& input) const {
    auto defaults = token_words();
    defaults.insert(defaults.end(), {"--pin-file", token_.pin_file().string()});
    auto words = with_defaults(more, defaults);
    words.insert(words.begin(), command);
    return run_plain(words, input);
}

ProgramResult TokenUnderTool::run_plain(const Words& words, const std::string& input) const {
    Words command{COFFER_HSM_PROGRAM};
    command.insert(command.end(), words.begin(), words.end());
    auto environment = token_.environment();
    if (shim_) {
        for (auto& variable : shim_->environment()) environment.push_back(std::move(variable));
    }
    auto result = run_program(command, environment, input, token_.dir());
    EXPECT_EQ((result.out + result.err).find(TestToken::pin()), std::string::npos) << "a PIN was printed";
    return result;
}

shim::ShimControl& TokenUnderTool::through_shim() {
    return shim_.emplace(token_.dir(), token_.module());
}

std::size_t TokenUnderTool::objects_in_token() const {
    std::size_t count = 0;
    token_.with_session([&](const crypto::Session& session, const crypto::Module&, crypto::SlotId) {
        crypto::Template wanted;
        wanted.boolean(CKA_TOKEN, true);
        count = crypto::find_objects(session, wanted).size();
    });
    return count;
}

boost::json::object json_of(const ProgramResult& result) {
    boost::system::error_code error;
    const auto value = boost::json::parse(result.out, error);
    EXPECT_FALSE(error) << "exit code " << result.exit_code << "\n" << result.out << result.err;
    return error ? boost::json::object() : value.as_object();
}

boost::json::object step_of(const boost::json::object& report, std::string_view name) {
    for (const auto& step : report.at("steps").as_array()) {
        if (step.at("name").as_string() == name) return step.as_object();
    }
    ADD_FAILURE() << "no step " << name << " in " << boost::json::serialize(report);
    return {{"result", ""}, {"detail", ""}, {"advice", ""}};
}

}  // namespace coffer::testing
