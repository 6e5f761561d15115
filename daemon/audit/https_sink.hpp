#pragma once
// Batches as POST requests over HTTPS: the body is NDJSON, one record a line; events as they are, checkpoints
// as
// {"checkpoint":...}. A batch is delivered when the answer is 2xx; anything else is tried again.

#include <string>

#include "daemon/audit/sink.hpp"
#include "daemon/net/https_client.hpp"

namespace coffer::audit {

class HttpsSink final : public Sink {
public:
    /// `path` is the request's target, e.g. "/v1/audit". Throws net::ConnectionError when a file cannot be
    /// read.
    HttpsSink(std::string name, net::TlsTarget target, std::string path);

    [[nodiscard]] std::string_view name() const noexcept override { return name_; }
    void deliver(std::span<const ShippedRecord> records) override;
    void cancel() noexcept override { client_.cancel(); }

private:
    /// Sends one request; the status of the answer.
    [[nodiscard]] unsigned post(const std::string& body, std::uint64_t first, std::uint64_t last);

    const std::string name_;
    const std::string path_;
    net::HttpsClient client_;
};

}  // namespace coffer::audit
