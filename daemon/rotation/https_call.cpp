#include "daemon/rotation/https_call.hpp"

#include <algorithm>
#include <atomic>

#include "daemon/net/https_client.hpp"
#include "daemon/rotation/end_watch.hpp"

namespace coffer::rotation {

using std::chrono::milliseconds;

namespace {

constexpr std::size_t kAnswerBytesMax = 64UL * 1024;
/// For an answer that cannot be had again, when the node stops: systemd's patience with a node is longer.
constexpr milliseconds kAnswerPatience{10'000};

net::TlsTarget tls_target(const HttpsServer& server, Patience patience) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(patience.deadline() - std::chrono::steady_clock::now());
    net::TlsTarget target;
    target.host = server.host;
    target.port = server.port;
    target.ca_file = server.ca_file;
    target.connect_timeout = target.io_timeout = std::max(left, milliseconds(1));
    return target;
}

char small_letter(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Refers to `asked`.
net::HttpsRequest message_of(const HttpsRequest& asked) {
    net::HttpsRequest message;
    message.method = asked.method;
    message.target = asked.target.text();
    const auto set = [&message](std::string_view name, std::string_view value) {
        std::erase_if(message.fields, [&](const net::HttpsField& field) {
            return std::ranges::equal(field.name, name, {}, small_letter, small_letter);
        });
        message.fields.push_back({name, value});
    };
    set("Accept", "application/json");
    for (const auto& header : asked.headers) set(header.name, header.value.text());
    if (!asked.content_type.empty()) {
        set("Content-Type", asked.content_type);
        message.body = asked.body.view();
    }
    return message;
}

}  // namespace

HttpsAnswer call(const HttpsServer& server, const HttpsRequest& request, Patience patience,
                 const std::function<void()>& before) {
    std::atomic<bool> sent = false;
    try {
        // What the answer needs is there before anything is sent.
        HttpsAnswer answer;
        answer.body = crypto::SecretBytes(kAnswerBytesMax);
        auto message = message_of(request);
        message.deadline = patience.deadline();
        message.before_sending = [&] {
            before();
            sent = true;
        };
        net::HttpsClient client(tls_target(server, patience));
        const EndWatch watch(patience, [&](milliseconds since) {
            if (request.once && sent && since < kAnswerPatience) return false;
            client.cancel();
            return true;
        });
        client.connect();
        const auto got = client.exchange(message, answer.body.writable());
        answer.status = got.status;
        answer.body.truncate(got.body_bytes);
        return answer;
    } catch (const net::ConnectionError& error) {
        throw CallFailed(sent, error.what());
    } catch (const net::UnsendableRequest& error) {
        throw StepFailed(StepFailed::Kind::hopeless, error.what());
    }
}

void reach(const HttpsServer& server, Patience patience) {
    try {
        net::HttpsClient client(tls_target(server, patience));
        const EndWatch watch(patience, [&](milliseconds) {
            client.cancel();
            return true;
        });
        client.connect();
    } catch (const net::ConnectionError& error) {
        throw CallFailed(false, error.what());
    }
}

}  // namespace coffer::rotation
