#pragma once
// AWS's MalformedPolicyDocumentException, with the place in the document.

#include <string>

#include "daemon/access/text_position.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::access {

/// A document that is not a policy. `what()` is the reason with the place, fit to be shown to the caller:
/// "Invalid effect: \"allow\"; it must be Allow or Deny (line 4, column 17)".
class MalformedPolicy : public Error {
public:
    MalformedPolicy(std::string reason, TextPosition at)
        : Error(reason + " (line " + std::to_string(at.line) + ", column " + std::to_string(at.column) + ")"),
          reason_(std::move(reason)),
          at_(at) {}

    /// The reason without the place.
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
    [[nodiscard]] TextPosition at() const noexcept { return at_; }

private:
    std::string reason_;
    TextPosition at_;
};

[[noreturn]] inline void fail(const std::string& reason, TextPosition at) {
    throw MalformedPolicy(reason, at);
}

}  // namespace coffer::access
