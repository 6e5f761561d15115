#include "daemon/access/arn_pattern.hpp"

#include <algorithm>

#include "daemon/access/glob.hpp"

namespace coffer::access {
namespace {

bool part_matches(const Pattern& pattern, std::string_view text, const RequestContext& request) {
    if (!pattern.has_variables()) return glob_matches(pattern.glob(), text);
    std::string glob;
    return pattern.expand(request, glob) && glob_matches(glob, text);
}

bool is_literal(const Pattern& pattern) noexcept {
    return !pattern.has_variables() && pattern.glob().find(kManyMark) == std::string::npos &&
           pattern.glob().find(kOneMark) == std::string::npos;
}

}  // namespace

ArnPattern ArnPattern::parse(std::string_view text, bool variables) {
    const PatternSyntax syntax{true, variables};
    ArnPattern result;
    result.any_ = !text.empty() && text.find_first_not_of('*') == std::string_view::npos;
    if (result.any_) return result;
    const auto arn = variables ? split_arn_pattern(text) : split_arn(text);
    if (!arn) {
        result.whole_ = Pattern::parse(text, syntax);
        return result;
    }
    std::string head;
    bool literal = true;
    for (std::size_t i = 0; i < kArnParts; ++i) {
        result.parts_.at(i) = Pattern::parse(arn->parts.at(i), syntax);
        if (i + 1 == kArnParts) break;
        literal = literal && is_literal(result.parts_.at(i));
        head += result.parts_.at(i).glob() + ':';
    }
    if (literal) result.head_ = std::move(head);
    return result;
}

bool ArnPattern::matches(std::string_view text, const std::optional<Arn>& arn,
                         const RequestContext& request) const {
    if (any_) return true;
    if (!arn) return false;
    if (whole_) return matches_whole(*arn, request);
    if (!head_) return matches_parts(*arn, request);
    return text.starts_with(*head_) && part_matches(parts_.back(), arn->resource(), request);
}

bool ArnPattern::matches_parts(const Arn& arn, const RequestContext& request) const {
    for (std::size_t i = 0; i < kArnParts; ++i) {
        if (!part_matches(parts_[i], arn.parts[i], request)) return false;
    }
    return true;
}

bool ArnPattern::matches_whole(const Arn& arn, const RequestContext& request) const {
    std::string glob;
    if (!whole_->expand(request, glob)) return false;
    const auto expanded = split_arn(glob);
    if (!expanded) return false;
    return std::equal(
        expanded->parts.begin(), expanded->parts.end(), arn.parts.begin(),
        [](std::string_view pattern, std::string_view part) { return glob_matches(pattern, part); });
}

}  // namespace coffer::access
