// docs/policies.md against the tables: every action, key, operator and finding is in it, and its examples are
// policies without errors.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "daemon/access/actions.hpp"
#include "daemon/access/document_parser.hpp"
#include "daemon/access/findings.hpp"

namespace coffer::access {
namespace {

std::string read(const std::filesystem::path& path) {
    std::ifstream in(path);
    std::stringstream out;
    out << in.rdbuf();
    return out.str();
}

const std::filesystem::path kSource = COFFER_SOURCE_DIR;

std::string page() {
    return read(kSource / "docs/policies.md");
}

/// Whether `word` stands in `text` by itself.
bool has_word(const std::string& text, const std::string& word) {
    const auto is_part = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
        const bool begins = at == 0 || !is_part(text[at - 1]);
        const bool ends = at + word.size() == text.size() || !is_part(text[at + word.size()]);
        if (begins && ends) return true;
    }
    return false;
}

TEST(PoliciesPage, HasEveryActionAndKey) {
    const auto text = page();
    ASSERT_FALSE(text.empty());
    for (const auto& info : action_table()) {
        const std::string name(info.name.substr(info.name.find(':') + 1));
        EXPECT_TRUE(has_word(text, name)) << info.name;
    }
    for (const auto& info : key_table()) EXPECT_TRUE(has_word(text, std::string(info.name))) << info.name;
}

TEST(PoliciesPage, HasEveryFinding) {
    const auto text = page();
    const std::regex code("\"([A-Z]+(_[A-Z]+)+)\"");
    std::size_t codes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(kSource / "daemon/access")) {
        const auto name = entry.path().filename().string();
        if (!name.starts_with("finding") || entry.path().extension() != ".cpp") continue;
        const auto source = read(entry.path());
        for (std::sregex_iterator match(source.begin(), source.end(), code), end; match != end; ++match) {
            if ((*match)[1] == "SECURITY_WARNING") continue;
            EXPECT_TRUE(has_word(text, (*match)[1])) << (*match)[1];
            ++codes;
        }
    }
    EXPECT_GE(codes, 30U);
}

TEST(PoliciesPage, ExamplesAreGoodPolicies) {
    const std::map<std::string, DocumentKind> kinds{{"identity", DocumentKind::identity},
                                                    {"resource", DocumentKind::resource},
                                                    {"trust", DocumentKind::trust},
                                                    {"listener", DocumentKind::listener}};
    const auto text = page();
    const std::regex block("```json ([a-z]+)\n([^`]*)```");
    std::size_t examples = 0;
    for (std::sregex_iterator match(text.begin(), text.end(), block), end; match != end; ++match) {
        SCOPED_TRACE((*match)[2].str());
        const auto document = parse_policy((*match)[2].str(), {kinds.at((*match)[1]), 0});
        for (const auto& finding : find_problems(document, {"aws", "111122223333", {}})) {
            EXPECT_EQ(finding.severity, Severity::suggestion) << finding.code << ": " << finding.message;
        }
        // A listener's policy is about everybody, and grants nothing.
        EXPECT_EQ(is_public(document), document.kind == DocumentKind::listener);
        ++examples;
    }
    EXPECT_GE(examples, 9U);
}

}  // namespace
}  // namespace coffer::access
