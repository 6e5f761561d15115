#include "daemon/audit/https_sink.hpp"

#include <utility>
#include <vector>

namespace coffer::audit {

namespace {

/// What a receiver may answer, in bytes; nothing of it is used.
constexpr std::size_t kAnswerBytesMax = 64UL * 1024;

std::string body_of(std::span<const ShippedRecord> records) {
    std::string body;
    for (const auto& record : records) {
        const bool checkpoint = record.kind == RecordKind::checkpoint;
        if (checkpoint) body += "{\"checkpoint\":";
        body += record.json;
        body += checkpoint ? "}\n" : "\n";
    }
    return body;
}

}  // namespace

HttpsSink::HttpsSink(std::string name, net::TlsTarget target, std::string path)
    : name_(std::move(name)), path_(std::move(path)), client_(std::move(target)) {}

void HttpsSink::deliver(std::span<const ShippedRecord> records) {
    if (records.empty()) return;
    const auto body = body_of(records);
    const bool kept_alive = client_.is_connected();
    unsigned status = 0;
    try {
        if (!kept_alive) client_.connect();
        status = post(body, records.front().sequence, records.back().sequence);
    } catch (const net::ConnectionError&) {
        // The receiver may have ended a connection that was idle; that is no failure of the receiver.
        if (!kept_alive) throw;
        client_.connect();
        status = post(body, records.front().sequence, records.back().sequence);
    }
    if (status < 200 || status >= 300) {
        throw SinkError(client_.target().host + path_ + " answered with the status " +
                        std::to_string(status));
    }
}

unsigned HttpsSink::post(const std::string& body, std::uint64_t first, std::uint64_t last) {
    const auto sequence = std::to_string(first) + "-" + std::to_string(last);
    net::HttpsRequest request;
    request.method = "POST";
    request.target = path_;
    request.fields = {{"Content-Type", "application/x-ndjson"}, {"Coffer-Sequence", sequence}};
    request.body = {reinterpret_cast<const std::uint8_t*>(body.data()), body.size()};
    request.keep_alive = true;
    std::vector<std::uint8_t> room(kAnswerBytesMax);
    return client_.exchange(request, room).status;
}

}  // namespace coffer::audit
