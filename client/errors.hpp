#pragma once
// What a call can fail with. Every message says what happened in words for a person; code decides by type.

#include <stdexcept>
#include <string>

#include "coffer/v1/frame.pb.h"

namespace coffer::client {

/// The root of libcoffer's errors. `what()` never holds a secret value.
class Error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The configuration, or a file that it names, cannot be used. Names the file or variable and the remedy.
class ConfigError : public Error {
public:
    using Error::Error;
};

/// Whether a request may have reached the daemon when its connection failed.
enum class Sent : bool { no, maybe };

/// The daemon could not be reached, or the connection was lost.
class ConnectionError : public Error {
public:
    ConnectionError(const std::string& message, Sent sent, bool retryable = true)
        : Error(message), sent_(sent), retryable_(retryable) {}
    /// With `maybe`, whether the request was carried out is not known.
    [[nodiscard]] Sent sent() const noexcept { return sent_; }
    /// Whether trying again later can help. (The client did so already, where that was safe.)
    [[nodiscard]] bool retryable() const noexcept { return retryable_; }

private:
    Sent sent_;
    bool retryable_;
};

/// The daemon refused our certificate, or us. Trying again does not help.
class CertificateRefused : public ConnectionError {
public:
    explicit CertificateRefused(const std::string& message, Sent sent = Sent::no)
        : ConnectionError(message, sent, false) {}
};

/// The daemon's certificate is not one that the CA file vouches for, or is for another name.
class ServerNotTrusted : public ConnectionError {
public:
    explicit ServerNotTrusted(const std::string& message) : ConnectionError(message, Sent::no, false) {}
};

/// The call's deadline passed without an answer. A write may have been carried out all the same.
class DeadlineExceeded : public Error {
public:
    using Error::Error;
};

/// The connection was lost after a request was sent that must not be repeated blindly (see
/// docs/client.md, "What is repeated"). Read the secret's state before you go on.
class OutcomeUnknown : public Error {
public:
    using Error::Error;
};

/// More calls wait for a connection than Config::waiting_max. Nothing was sent.
class Overloaded : public Error {
public:
    using Error::Error;
};

/// The daemon said something that the protocol does not allow.
class ProtocolError : public Error {
public:
    using Error::Error;
};

/// The daemon's answer is an error. Decide by code() and retryable(), never by the message.
class ServiceError : public Error {
public:
    ServiceError(v1::ErrorCode code, std::string name, const std::string& message, bool retryable,
                 std::string request_id)
        : Error(message),
          code_(code),
          name_(std::move(name)),
          retryable_(retryable),
          request_id_(std::move(request_id)) {}

    [[nodiscard]] v1::ErrorCode code() const noexcept { return code_; }
    /// AWS's name of the exception, e.g. "ResourceNotFoundException".
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] bool retryable() const noexcept { return retryable_; }
    /// The daemon's name for the request, as its log has it.
    [[nodiscard]] const std::string& request_id() const noexcept { return request_id_; }

private:
    v1::ErrorCode code_;
    std::string name_;
    bool retryable_;
    std::string request_id_;
};

}  // namespace coffer::client
