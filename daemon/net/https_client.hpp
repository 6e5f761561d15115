#pragma once
// Requests to somebody's HTTPS server, HTTP/1.1 (RFC 9112), one after the other. The server is proven, and
// may still be hostile: what is held and read of an answer has bounds, see AnswerReader. Redirections are
// not followed.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "daemon/base/time.hpp"
#include "daemon/net/tls_connection.hpp"

namespace coffer::net {

/// What was to be asked cannot be written as HTTP. Nothing was sent. The message has nothing secret in it.
class UnsendableRequest : public Error {
public:
    using Error::Error;
};

struct HttpsField {
    std::string_view name;
    std::string_view value;
};

/// Refers to the caller's texts and bytes, which may be secret; what is made of them is wiped.
struct HttpsRequest {
    std::string_view method = "GET";
    /// Path and query, percent-encoded.
    std::string_view target = "/";
    /// Fields besides Content-Length and Connection, which are the client's own. "Host" and "User-Agent" are
    /// there unless they are named here.
    std::vector<HttpsField> fields{};
    /// Nothing: the request has no body, and does not say so.
    std::optional<std::span<const std::uint8_t>> body{};
    /// Asks the server to leave the connection open.
    bool keep_alive = false;
    /// When the exchange ends at the latest; the target's io_timeout ends the writing, and the answer, too.
    Deadline deadline = Deadline::max();
    /// Called when all is ready and nothing has been sent yet; may throw.
    std::function<void()> before_sending{};
};

struct HttpsAnswer {
    unsigned status = 0;  ///< 200 or more
    std::size_t body_bytes = 0;
};

/// As TlsConnection: one user, and only cancel() may come from another thread.
class HttpsClient {
public:
    /// Reads the files; connects nothing yet. Throws ConnectionError that names the file.
    explicit HttpsClient(TlsTarget target) : connection_(std::move(target)) {}

    /// Connects and has the server prove who it is. Throws ConnectionError.
    void connect() { connection_.connect(); }
    [[nodiscard]] bool is_connected() const noexcept { return connection_.is_open(); }
    /// Ends what is under way, and everything later. Thread-safe.
    void cancel() noexcept { connection_.cancel(); }
    [[nodiscard]] const TlsTarget& target() const noexcept { return connection_.target(); }

    /// Asks, on a connection that is there, and reads the answer. Its body is put into `room`, whose size is
    /// its limit. The connection is closed afterwards unless both sides want to keep it. An answer that was
    /// cut is none: it must end where its length or its last chunk says or, where it has neither, with TLS's
    /// close_notify. Throws UnsendableRequest, ConnectionError, and what before_sending throws.
    [[nodiscard]] HttpsAnswer exchange(const HttpsRequest& request, std::span<std::uint8_t> room);

private:
    TlsConnection connection_;
};

}  // namespace coffer::net
