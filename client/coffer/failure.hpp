#pragma once
// How the command ends: exit codes, and the failures that are its own.

#include <stdexcept>
#include <string>
#include <utility>

#include "client/errors.hpp"

namespace coffer::cli {

/// docs/coffer.md, "Exit codes". 254 and 255 are those of the AWS CLI.
enum class ExitCode : int {
    done = 0,
    failed = 1,              ///< something on this side: a file, the configuration, an answer of "no"
    usage = 2,               ///< the command line
    service_error = 254,     ///< Coffer answered with an error
    connection_error = 255,  ///< Coffer was not reached, or did not answer in time
};

/// Coffer answered with an error; which operation it was.
class ServiceFailure : public client::ServiceError {
public:
    ServiceFailure(std::string operation, const client::ServiceError& error)
        : ServiceError(error), operation_(std::move(operation)) {}
    /// AWS's name, e.g. "GetSecretValue".
    [[nodiscard]] const std::string& operation() const noexcept { return operation_; }

private:
    std::string operation_;
};

/// Something on this side does not work. The message says what, and what to do.
class Failure : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The command line asks for something that cannot be.
class UsageError : public Failure {
public:
    using Failure::Failure;
};

}  // namespace coffer::cli
