#pragma once
// A request that is refused by the front door itself, before any operation has seen it: AWS's name of the
// error, its message and its status.

#include <string>
#include <string_view>

#include "daemon/base/errors.hpp"

namespace coffer::aws {

/// AWS's names (docs: "Common errors" of any service's API reference) of what a front door refuses.
namespace error_names {
inline constexpr std::string_view kExpiredToken = "ExpiredTokenException";
inline constexpr std::string_view kIncompleteSignature = "IncompleteSignatureException";
inline constexpr std::string_view kInvalidParameterValue = "InvalidParameterValue";
inline constexpr std::string_view kInvalidSignature = "InvalidSignatureException";
inline constexpr std::string_view kMalformedQueryString = "MalformedQueryString";
inline constexpr std::string_view kMissingAuthenticationToken = "MissingAuthenticationTokenException";
inline constexpr std::string_view kRequestAborted = "RequestAbortedException";
inline constexpr std::string_view kRequestTimeout = "RequestTimeout";
inline constexpr std::string_view kRequestTooLarge = "RequestEntityTooLargeException";
inline constexpr std::string_view kSerialization = "SerializationException";
inline constexpr std::string_view kThrottling = "ThrottlingException";
inline constexpr std::string_view kUnknownOperation = "UnknownOperationException";
inline constexpr std::string_view kUnrecognizedClient = "UnrecognizedClientException";
inline constexpr std::string_view kValidation = "ValidationException";
}  // namespace error_names

/// `what()` is the message, for the client to read. It holds nothing of the request that may be secret.
class RequestRefused : public Error {
public:
    /// `name` must be static. `status` is HTTP's: AWS answers nearly everything that is the client's fault
    /// with 400.
    RequestRefused(std::string_view name, const std::string& message, unsigned status = 400)
        : Error(message), name_(name), status_(status) {}
    /// With a cause for logs and events, which the client is not told: a static word.
    RequestRefused(std::string_view name, const std::string& message, std::string_view cause)
        : Error(message), name_(name), cause_(cause) {}

    [[nodiscard]] std::string_view name() const noexcept { return name_; }
    [[nodiscard]] unsigned status() const noexcept { return status_; }
    /// Empty where the name says all.
    [[nodiscard]] std::string_view cause() const noexcept { return cause_; }

private:
    std::string_view name_;
    std::string_view cause_;
    unsigned status_ = 400;
};

}  // namespace coffer::aws
