#include "daemon/access/arn_pattern.hpp"

#include <algorithm>

#include "daemon/access/glob.hpp"

namespace coffer::access {
namespace {

std::size_t first_mark(std::string_view glob) noexcept {
    return std::min({glob.find(kManyMark), glob.find(kOneMark), glob.size()});
}

bool is_literal(const Pattern& pattern) noexcept {
    return !pattern.has_variables() && first_mark(pattern.glob()) == pattern.glob().size();
}

}  // namespace

ArnPattern ArnPattern::parse(std::string_view text, bool variables) {
    const PatternSyntax syntax{true, variables};
    ArnPattern result;
    if (!text.empty() && text.find_first_not_of('*') == std::string_view::npos) return result;
    const auto arn = variables ? split_arn_pattern(text) : split_arn(text);
    std::vector<Pattern> patterns;
    if (arn) {
        for (const auto part : arn->parts) patterns.push_back(Pattern::parse(part, syntax));
    } else {
        patterns.push_back(Pattern::parse(text, syntax));
    }
    result.form_ = arn ? Form::parts : Form::whole;
    result.variables_ =
        std::any_of(patterns.begin(), patterns.end(), [](const Pattern& p) { return p.has_variables(); });
    if (arn && std::all_of(patterns.begin(), patterns.end() - 1, is_literal)) {
        return prefixed(std::move(result), patterns);
    }
    result.patterns_ = std::make_shared<const std::vector<Pattern>>(std::move(patterns));
    return result;
}

ArnPattern ArnPattern::prefixed(ArnPattern result, std::vector<Pattern>& parts) {
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) result.prefix_ += parts[i].glob() + ':';
    if (result.variables_) {
        result.form_ = Form::prefixed_variable;
        result.patterns_ = std::make_shared<const std::vector<Pattern>>(1, std::move(parts.back()));
        return result;
    }
    result.form_ = Form::prefixed;
    const auto& last = parts.back().glob();
    const auto mark = first_mark(last);
    result.prefix_ += last.substr(0, mark);
    result.tail_ = last.substr(mark);
    return result;
}

bool ArnPattern::matches(std::string_view text, const std::optional<Arn>& arn,
                         const RequestContext& request) const {
    switch (form_) {
        case Form::any:
            return true;
        // The prefix has the five colons, so it is an ARN that begins with it.
        case Form::prefixed:
            return text.starts_with(prefix_) && glob_matches(tail_, text.substr(prefix_.size()));
        case Form::prefixed_variable:
            return text.starts_with(prefix_) &&
                   patterns_->front().matches(text.substr(prefix_.size()), request);
        case Form::whole:
            return arn && matches_whole(*arn, request);
        case Form::parts:
            break;
    }
    return arn && std::equal(patterns_->begin(), patterns_->end(), arn->parts.begin(),
                             [&](const Pattern& pattern, std::string_view part) {
                                 return pattern.matches(part, request);
                             });
}

bool ArnPattern::matches_whole(const Arn& arn, const RequestContext& request) const {
    std::string glob;
    if (!patterns_->front().expand(request, glob)) return false;
    const auto expanded = split_arn(glob);
    if (!expanded) return false;
    return std::equal(
        expanded->parts.begin(), expanded->parts.end(), arn.parts.begin(),
        [](std::string_view pattern, std::string_view part) { return glob_matches(pattern, part); });
}

std::optional<std::string> ArnPattern::written(const RequestContext& request) const {
    if (form_ == Form::any) return "*";
    auto glob = prefix_ + tail_;
    if (patterns_) {
        for (std::size_t i = 0; i < patterns_->size(); ++i) {
            if (i > 0) glob += ':';
            if (!(*patterns_)[i].expand(request, glob)) return std::nullopt;
        }
    }
    std::replace(glob.begin(), glob.end(), kManyMark, '*');
    std::replace(glob.begin(), glob.end(), kOneMark, '?');
    return glob;
}

bool ArnPattern::resolves(const RequestContext& request) const noexcept {
    return !variables_ || std::all_of(patterns_->begin(), patterns_->end(),
                                      [&](const Pattern& pattern) { return pattern.resolves(request); });
}

bool ArnPattern::may_resolve(const RequestContext& request) const noexcept {
    return !variables_ || std::all_of(patterns_->begin(), patterns_->end(),
                                      [&](const Pattern& pattern) { return pattern.may_resolve(request); });
}

void ArnPattern::collect_open(const RequestContext& request, std::vector<KeyRef>& out) const {
    if (!variables_) return;
    for (const auto& pattern : *patterns_) pattern.collect_open(request, out);
}

}  // namespace coffer::access
