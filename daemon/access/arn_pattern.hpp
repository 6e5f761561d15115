#pragma once
// A pattern that ARNs are matched with, part by part: a `*` in the region never reaches into the account.
// Used by Resource and by the Arn operators. Source: "IAM JSON policy elements: Resource"; "Amazon Resource
// Name (ARN) condition operators".

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/access/arn.hpp"
#include "daemon/access/pattern.hpp"

namespace coffer::access {

/// Immutable; thread-safe.
class ArnPattern {
public:
    /// `text` is as the parser accepted it, with or without variables.
    [[nodiscard]] static ArnPattern parse(std::string_view text, bool variables);

    /// Whether `text` (whose parts are `arn`, if it is an ARN) matches. "*" matches any text; every other
    /// pattern only ARNs. False as well when a variable has no value.
    [[nodiscard]] bool matches(std::string_view text, const std::optional<Arn>& arn,
                               const RequestContext& request) const;

    [[nodiscard]] bool is_any() const noexcept { return any_; }
    /// Each pattern with variables that this one is made of, given to `visit`.
    template <class Visit>
    void each_variable_pattern(Visit visit) const {
        if (whole_) visit(*whole_);
        for (const auto& part : parts_) {
            if (part.has_variables()) visit(part);
        }
    }

private:
    [[nodiscard]] bool matches_parts(const Arn& arn, const RequestContext& request) const;
    [[nodiscard]] bool matches_whole(const Arn& arn, const RequestContext& request) const;

    bool any_ = false;
    /// Everything up to and with the fifth colon, when it is literal: then one comparison of text stands for
    /// those of five parts.
    std::optional<std::string> head_;
    std::array<Pattern, kArnParts> parts_;
    /// A text that only its variables make an ARN of.
    std::optional<Pattern> whole_;
};

}  // namespace coffer::access
