#pragma once
// How the outcome of an event is named where events are searched: the same words wherever they are searched.

#include <optional>
#include <string>
#include <string_view>

namespace coffer {

/// `text` as events have it, whatever its case: "success", "failure", "denied" (each refusal of a right:
/// AccessDenied is one, and AccessDeniedException another), or an error code. Nothing when no event can have
/// that outcome.
[[nodiscard]] std::optional<std::string_view> event_outcome(std::string_view text) noexcept;

/// What to say of `text` when it is none.
[[nodiscard]] std::string unknown_outcome(std::string_view text);

}  // namespace coffer
