#pragma once
// Random policies and requests over few words, so that they meet often: the same folders, tags, operators,
// addresses and odd values in both.

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "daemon/access/document.hpp"
#include "policy_fixture.hpp"

namespace coffer::access::test {

class PolicyGenerator {
public:
    explicit PolicyGenerator(std::uint64_t seed) : random_(seed) {}

    /// The text of a document that the parser accepts.
    [[nodiscard]] std::string document(DocumentKind kind);
    [[nodiscard]] TestRequest request();
    /// Policies of all kinds, some absent.
    [[nodiscard]] TestPolicies policies(Action action);

    /// A number below `bound`.
    [[nodiscard]] std::size_t below(std::size_t bound) { return random_() % bound; }
    [[nodiscard]] bool one_in(std::size_t n) { return below(n) == 0; }

private:
    [[nodiscard]] std::string statement(DocumentKind kind);
    [[nodiscard]] std::string principal();
    [[nodiscard]] PrincipalIds meanings();
    [[nodiscard]] std::string condition();
    [[nodiscard]] std::string values_for(const std::string& op);
    [[nodiscard]] std::string resource_pattern();
    [[nodiscard]] std::string resource();
    [[nodiscard]] Principal caller();
    [[nodiscard]] std::string value();

    /// A JSON string, or a list of up to three of what `make` gives.
    template <class Make>
    std::string some(Make make) {
        if (one_in(2)) return make();
        std::string out = "[" + make();
        for (std::size_t n = below(3); n > 0; --n) out += "," + make();
        return out + "]";
    }
    template <class List>
    auto pick(const List& list) {
        return list[below(std::size(list))];
    }

    // Not the standard's distributions: those may differ between libraries, and a seed has to mean the same
    // cases.
    std::mt19937_64 random_;
    /// Of the document that is being made.
    bool variables_ = true;
};

}  // namespace coffer::access::test
