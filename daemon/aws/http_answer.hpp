#pragma once
// An answer of HTTP, made into bytes.

#include <memory>
#include <string>
#include <string_view>

#include "daemon/base/time.hpp"
#include "daemon/server/plain_buffer.hpp"

namespace coffer::aws {

struct HttpAnswer {
    unsigned status = 200;
    /// Empty where there is no body.
    std::string_view content_type;  ///< static
    /// May hold secret values; wiped when it goes. Never null.
    std::unique_ptr<server::PlainBuffer> body = std::make_unique<server::PlainBuffer>();
};

/// How an answer is sent.
struct HttpSending {
    /// Sent as x-amzn-RequestId; empty for none.
    std::string_view request_id;
    /// SDKs correct their clocks by the header Date.
    Timestamp date;
    bool keep_alive = true;
    /// Of an HTTP/1.0 client, which has to be told that the connection stays.
    bool is_http_1_0 = false;
    /// To HEAD: the headers alone.
    bool without_body = false;
};

/// Appends the answer to `out`.
void write_answer(const HttpAnswer& answer, const HttpSending& sending, Bytes& out);

/// "HTTP/1.1 100 Continue".
void write_continue(Bytes& out);

}  // namespace coffer::aws
