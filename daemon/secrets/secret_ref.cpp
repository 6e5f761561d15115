#include "daemon/secrets/secret_ref.hpp"

#include <algorithm>

#include "daemon/base/uuid.hpp"
#include "daemon/secrets/errors.hpp"

namespace coffer::secrets {

namespace {

constexpr std::size_t kSuffixLength = 6;  // without its hyphen
constexpr std::string_view kSuffixAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

bool is_alphanumeric(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool ends_in_suffix(std::string_view name) noexcept {
    if (name.size() < kSuffixLength + 2) return false;
    const auto suffix = name.substr(name.size() - kSuffixLength);
    return name[name.size() - kSuffixLength - 1] == '-' && std::ranges::all_of(suffix, is_alphanumeric);
}

std::string arn_prefix(const NodeIdentity& node) {
    return "arn:aws:secretsmanager:" + node.region + ":" + node.account + ":secret:";
}

}  // namespace

bool is_valid_name(std::string_view name) noexcept {
    constexpr std::string_view kPunctuation = "-/_+=.@!";
    return !name.empty() && std::ranges::all_of(name, [kPunctuation](char c) {
        return is_alphanumeric(c) || kPunctuation.find(c) != std::string_view::npos;
    });
}

SecretRef SecretRef::parse(std::string_view secret_id, const NodeIdentity& node) {
    SecretRef ref;
    ref.text_ = secret_id;
    if (!secret_id.starts_with("arn:")) {
        if (!is_valid_name(secret_id)) throw invalid_name();
        ref.name_ = secret_id;
        return ref;
    }
    const std::string prefix = arn_prefix(node);
    if (!secret_id.starts_with(prefix)) throw secret_not_found();
    secret_id.remove_prefix(prefix.size());
    if (!is_valid_name(secret_id)) throw invalid_name();
    ref.complete_arn_ = ends_in_suffix(secret_id);
    if (ref.complete_arn_) secret_id.remove_suffix(kSuffixLength + 1);
    ref.name_ = secret_id;
    return ref;
}

bool SecretRef::matches(std::string_view arn) const {
    return !complete_arn_ || arn == text_;
}

std::string arn_without_suffix(const NodeIdentity& node, std::string_view name) {
    return arn_prefix(node).append(name);
}

std::string make_arn(const NodeIdentity& node, std::string_view name) {
    std::string arn = arn_prefix(node).append(name).append("-");
    const Uuid random = Uuid::random();
    // Bytes 0 to 5 of a version 4 UUID are all random. The suffix tells apart, it need not be uniform.
    for (std::size_t i = 0; i < kSuffixLength; ++i) {
        arn.push_back(kSuffixAlphabet[random.bytes()[i] % kSuffixAlphabet.size()]);
    }
    return arn;
}

}  // namespace coffer::secrets
