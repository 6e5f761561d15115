#pragma once
// The failures that every executor of the daemon shares. Each layer derives its own typed errors besides.

#include <stdexcept>
#include <string>

namespace coffer {

/// The root of the project's typed errors. `what()` never holds a secret, a PIN or SQL with values.
class Error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A bounded queue is full. The caller may try again later (ThrottlingException at the edge).
class Overloaded : public Error {
public:
    using Error::Error;
};

/// The caller's deadline passed before the work was done; work that had not begun is not done.
class DeadlineExceeded : public Error {
public:
    using Error::Error;
};

/// A backend (token, database) cannot be reached now. Retryable.
class Unavailable : public Error {
public:
    using Error::Error;
};

/// Stored data is not what this service wrote: a broken seal, an altered ciphertext or wrapped key.
class IntegrityError : public Error {
public:
    using Error::Error;
};

}  // namespace coffer
