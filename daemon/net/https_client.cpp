#include "daemon/net/https_client.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>

#include "crypto/secret_bytes.hpp"
#include "daemon/net/answer_reader.hpp"

namespace coffer::net {

namespace {

using crypto::SecretBytes;
using std::chrono::milliseconds;

constexpr std::uint16_t kHttpsPort = 443;
constexpr std::string_view kReading = "read the answer";

/// More than nothing; nothing left is for the connection to notice, or for is_over().
milliseconds time_until(Deadline end) {
    const auto time = std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
    return std::max(time, milliseconds(1));
}

bool is_over(Deadline end) {
    return std::chrono::steady_clock::now() >= end;
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_field(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, lower, lower);
}

/// RFC 9110, section 5.6.2.
bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    });
}

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// Throws UnsendableRequest for what would be read as something else than what it was meant as.
void require_sendable(const HttpsRequest& request) {
    if (!is_token(request.method)) throw UnsendableRequest("the request's method is none");
    const bool has_blank =
        std::ranges::any_of(request.target, [](char c) { return c == ' ' || is_control(c); });
    if (!request.target.starts_with('/') || has_blank)
        throw UnsendableRequest("the request's path has blanks or control characters, or no '/' first");
    for (const auto& field : request.fields) {
        if (!is_token(field.name)) throw UnsendableRequest("the name of a header is none");
        if (std::ranges::any_of(field.value, [](char c) { return c != '\t' && is_control(c); }))
            throw UnsendableRequest("the header " + std::string(field.name) + " has control characters");
        for (const std::string_view own : {"Content-Length", "Transfer-Encoding", "Connection"}) {
            if (same_field(field.name, own))
                throw UnsendableRequest("the header " + std::string(own) + " cannot be given");
        }
    }
}

SecretBytes concatenated(std::span<const std::string_view> parts) {
    std::size_t size = 0;
    for (const auto part : parts) size += part.size();
    SecretBytes whole(size);
    auto at = whole.writable().begin();
    for (const auto part : parts) at = std::ranges::copy(part, at).out;
    return whole;
}

/// What goes before the body (RFC 9112, sections 3 and 5).
SecretBytes head_of(const HttpsRequest& request, const TlsTarget& server) {
    const auto host =
        server.port == kHttpsPort ? server.host : server.host + ":" + std::to_string(server.port);
    const auto length = std::to_string(request.body ? request.body->size() : 0);
    std::vector<std::string_view> parts{request.method, " ", request.target, " HTTP/1.1\r\n"};
    const auto add = [&parts](std::string_view name, std::string_view value) {
        parts.insert(parts.end(), {name, ": ", value, "\r\n"});
    };
    const auto add_unless_given = [&](std::string_view name, std::string_view value) {
        const bool given = std::ranges::any_of(
            request.fields, [&](const HttpsField& field) { return same_field(field.name, name); });
        if (!given) add(name, value);
    };
    add_unless_given("Host", host);
    add_unless_given("User-Agent", "cofferd");
    for (const auto& field : request.fields) add(field.name, field.value);
    if (!request.keep_alive) add("Connection", "close");
    if (request.body) add("Content-Length", length);
    parts.emplace_back("\r\n");
    return concatenated(parts);
}

}  // namespace

HttpsAnswer HttpsClient::exchange(const HttpsRequest& request, std::span<std::uint8_t> room) {
    require_sendable(request);
    // What the answer needs is there before anything is sent.
    const auto head = head_of(request, target());
    AnswerReader reader(room);
    if (request.before_sending) request.before_sending();

    const auto body = request.body.value_or(std::span<const std::uint8_t>());
    const std::array<std::string_view, 2> message{head.text(),
                                                  {reinterpret_cast<const char*>(body.data()), body.size()}};
    connection_.write(message, std::min(target().io_timeout, time_until(request.deadline)));

    const auto end = std::min(std::chrono::steady_clock::now() + target().io_timeout, request.deadline);
    try {
        bool whole = false;
        while (!whole) {
            if (is_over(end)) connection_.fail(kReading, "timed out");
            const auto count = connection_.read_some(reader.writable(), kReading, time_until(end));
            if (count == 0) {
                reader.end();
                whole = true;
            } else {
                whole = reader.take(count);
            }
        }
    } catch (const BadAnswer& bad) {
        connection_.fail(kReading, bad.what());
    }
    if (!request.keep_alive || !reader.may_go_on()) connection_.close();
    return {reader.status(), reader.body_bytes()};
}

}  // namespace coffer::net
