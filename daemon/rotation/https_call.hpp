#pragma once
// One HTTPS request of a rotation function, and its answer: both may have secrets in them.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "crypto/secret_bytes.hpp"
#include "daemon/base/time.hpp"
#include "daemon/rotation/function.hpp"
#include "daemon/rotation/patience.hpp"

namespace coffer::rotation {

/// Whom to ask. Its certificate must be for `host`.
struct HttpsServer {
    std::string host;
    std::uint16_t port = 443;
    /// PEM bundle of authorities; empty: those of the system.
    std::filesystem::path ca_file;
};

struct HttpsHeader {
    std::string name;
    crypto::SecretBytes value;
};

struct HttpsRequest {
    std::string method = "GET";
    /// Path and query, percent-encoded.
    crypto::SecretBytes target;
    /// Besides those that every call has; one of the same name takes the place of the one before.
    std::vector<HttpsHeader> headers;
    std::string content_type;  ///< empty: there is no body
    crypto::SecretBytes body;
    /// The answer cannot be had a second time: once the request is sent, it is waited for some seconds longer
    /// where nobody waits any more.
    bool once = false;
};

struct HttpsAnswer {
    unsigned status = 0;
    crypto::SecretBytes body;

    [[nodiscard]] bool is_success() const noexcept { return status >= 200 && status < 300; }
};

/// There was no answer. The message has nothing secret in it.
class CallFailed : public StepFailed {
public:
    CallFailed(bool sent, const std::string& message) : StepFailed(Kind::retry, message), sent_(sent) {}
    /// Whether the server may have got the request.
    [[nodiscard]] bool sent() const noexcept { return sent_; }

private:
    bool sent_;
};

/// Connects, asks, and closes the connection. Redirections are not followed. An answer has at most 64 KiB.
/// `before` is called when the server is connected and proven, and nothing has been sent yet. Throws
/// CallFailed, StepFailed (hopeless) for what cannot be a request, and what `before` throws.
[[nodiscard]] HttpsAnswer call(
    const HttpsServer& server, const HttpsRequest& request, Patience patience,
    const std::function<void()>& before = [] {});

/// Connects and closes the connection again: the server can be reached and proves who it is. Throws
/// CallFailed.
void reach(const HttpsServer& server, Patience patience);

}  // namespace coffer::rotation
