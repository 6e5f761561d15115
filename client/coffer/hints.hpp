#pragma once
// What to do next after an error, where something useful can be said.

#include <exception>
#include <string>

#include "client/coffer/failure.hpp"

namespace coffer::cli {

/// The lines for standard error, and how the command ends.
struct Ending {
    std::string text;
    ExitCode code = ExitCode::failed;
};

/// `failure` in words: Coffer's errors as the AWS CLI has them, "An error occurred (NAME) when calling the
/// OPERATION operation: MESSAGE", others as "coffer: MESSAGE"; then a hint.
[[nodiscard]] Ending explain(const std::exception_ptr& failure);

}  // namespace coffer::cli
