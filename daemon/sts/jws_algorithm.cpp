#include "daemon/sts/jws_algorithm.hpp"

#include <algorithm>
#include <array>

namespace coffer::sts {

namespace {

struct AlgorithmRow {
    JwsAlgorithm algorithm;
    std::string_view name;
    WebKeyType key;
    const char* digest;
};

constexpr std::array<AlgorithmRow, 10> kAlgorithms{{
    {JwsAlgorithm::rs256, "RS256", WebKeyType::rsa, "SHA256"},
    {JwsAlgorithm::rs384, "RS384", WebKeyType::rsa, "SHA384"},
    {JwsAlgorithm::rs512, "RS512", WebKeyType::rsa, "SHA512"},
    {JwsAlgorithm::ps256, "PS256", WebKeyType::rsa, "SHA256"},
    {JwsAlgorithm::ps384, "PS384", WebKeyType::rsa, "SHA384"},
    {JwsAlgorithm::ps512, "PS512", WebKeyType::rsa, "SHA512"},
    {JwsAlgorithm::es256, "ES256", WebKeyType::p256, "SHA256"},
    {JwsAlgorithm::es384, "ES384", WebKeyType::p384, "SHA384"},
    {JwsAlgorithm::es512, "ES512", WebKeyType::p521, "SHA512"},
    {JwsAlgorithm::eddsa, "EdDSA", WebKeyType::ed25519, nullptr},
}};

consteval bool algorithms_in_order() {
    for (std::size_t i = 0; i < kAlgorithms.size(); ++i) {
        if (static_cast<std::size_t>(kAlgorithms[i].algorithm) != i) return false;
    }
    return true;
}
static_assert(algorithms_in_order(), "an algorithm is the place of its row");

const AlgorithmRow& row_of(JwsAlgorithm algorithm) noexcept {
    return kAlgorithms[static_cast<std::size_t>(algorithm)];
}

}  // namespace

std::optional<JwsAlgorithm> find_jws_algorithm(std::string_view name) noexcept {
    const auto found = std::ranges::find(kAlgorithms, name, &AlgorithmRow::name);
    if (found == kAlgorithms.end()) return std::nullopt;
    return found->algorithm;
}

WebKeyType key_type_of(JwsAlgorithm algorithm) noexcept {
    return row_of(algorithm).key;
}

const char* digest_of(JwsAlgorithm algorithm) noexcept {
    return row_of(algorithm).digest;
}

bool is_pss(JwsAlgorithm algorithm) noexcept {
    return row_of(algorithm).name.starts_with('P');
}

}  // namespace coffer::sts
