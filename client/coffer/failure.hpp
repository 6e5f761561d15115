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
    not_executable = 126,    ///< exec: the program is there and cannot be run (as for env(1))
    not_found = 127,         ///< exec: there is no such program
    service_error = 254,     ///< Coffer answered with an error
    connection_error = 255,  ///< Coffer was not reached, or did not answer in time
};

/// Coffer answered with an error; which operation it was.
class ServiceFailure : public client::ServiceError {
public:
    ServiceFailure(std::string operation, std::string secret, const client::ServiceError& error)
        : ServiceError(error), operation_(std::move(operation)), secret_(std::move(secret)) {}
    /// AWS's name, e.g. "GetSecretValue".
    [[nodiscard]] const std::string& operation() const noexcept { return operation_; }
    /// The secret that the request was about, as the request has it; empty when it was about none.
    [[nodiscard]] const std::string& secret() const noexcept { return secret_; }

private:
    std::string operation_;
    std::string secret_;
};

/// Something on this side does not work. The message says what, and what to do.
class Failure : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A program that exec cannot start; ends with the code that shells use for it.
class ExecFailure : public Failure {
public:
    ExecFailure(const std::string& message, ExitCode code) : Failure(message), code_(code) {}
    [[nodiscard]] ExitCode code() const noexcept { return code_; }

private:
    ExitCode code_;
};

/// The command line asks for something that cannot be.
class UsageError : public Failure {
public:
    using Failure::Failure;
};

}  // namespace coffer::cli
