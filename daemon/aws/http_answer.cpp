#include "daemon/aws/http_answer.hpp"

#include <fmt/format.h>

#include <boost/beast/http/status.hpp>

#include "daemon/aws/sigv4_time.hpp"

namespace coffer::aws {

void write_answer(const HttpAnswer& answer, const HttpSending& sending, Bytes& out) {
    const auto reason = boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(answer.status));
    const auto body = answer.body->view();
    auto head =
        fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\nContent-Length: {}\r\n", answer.status,
                    std::string_view(reason.data(), reason.size()), http_date(sending.date), body.size());
    if (!sending.request_id.empty()) head += fmt::format("x-amzn-RequestId: {}\r\n", sending.request_id);
    if (!answer.content_type.empty()) head += fmt::format("Content-Type: {}\r\n", answer.content_type);
    if (!sending.keep_alive) {
        head += "Connection: close\r\n";
    } else if (sending.is_http_1_0) {
        head += "Connection: keep-alive\r\n";
    }
    // Secret values are in answers: no cache on the way may keep them.
    head += "Cache-Control: no-store\r\n\r\n";
    append(head, out);
    if (!sending.without_body) out.insert(out.end(), body.begin(), body.end());
}

void write_continue(Bytes& out) {
    append("HTTP/1.1 100 Continue\r\n\r\n", out);
}

}  // namespace coffer::aws
