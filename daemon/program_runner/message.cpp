#include "daemon/program_runner/message.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <system_error>

namespace coffer::program_runner {

namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kParts = 3;

std::string reason(int error) {
    return std::generic_category().message(error);
}

void wait_for_socket(int socket, short events, Deadline deadline) {
    while (true) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) throw MessageError("no answer in time");
        pollfd ready{socket, events, 0};
        const auto wait = static_cast<int>(std::min<std::int64_t>(left.count(), 60'000));
        const int found = ::poll(&ready, 1, wait);
        if (found > 0) return;
        if (found < 0 && errno != EINTR) throw MessageError("poll: " + reason(errno));
    }
}

void send_all(int socket, std::span<const std::uint8_t> bytes, Deadline deadline) {
    while (!bytes.empty()) {
        const auto sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(sent));
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            wait_for_socket(socket, POLLOUT, deadline);
        } else if (errno != EINTR) {
            throw MessageError("the connection broke: " + reason(errno));
        }
    }
}

void receive_all(int socket, std::span<std::uint8_t> bytes, Deadline deadline) {
    while (!bytes.empty()) {
        const auto got = ::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (got > 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(got));
        } else if (got == 0) {
            throw MessageError("the connection was closed before the message was complete");
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            wait_for_socket(socket, POLLIN, deadline);
        } else if (errno != EINTR) {
            throw MessageError("the connection broke: " + reason(errno));
        }
    }
}

std::size_t read_length(std::span<const std::uint8_t> bytes) {
    std::size_t length = 0;
    for (const auto byte : bytes) length = length << 8U | byte;
    return length;
}

void write_length(std::size_t length, std::span<std::uint8_t> bytes) {
    for (std::size_t i = bytes.size(); i-- > 0; length >>= 8U) bytes[i] = static_cast<std::uint8_t>(length);
}

}  // namespace

void send_message(int socket, const Message& message, Deadline deadline) {
    if (message.head.size() > kHeadMost || message.body.size() > kBodyMost ||
        message.notes.size() > kNotesMost) {
        throw MessageError("the message is too long");
    }
    std::array<std::uint8_t, kParts * kLengthBytes> lengths{};
    const std::span<std::uint8_t> all(lengths);
    write_length(message.head.size(), all.subspan(0, kLengthBytes));
    write_length(message.body.size(), all.subspan(kLengthBytes, kLengthBytes));
    write_length(message.notes.size(), all.subspan(2 * kLengthBytes, kLengthBytes));
    send_all(socket, lengths, deadline);
    send_all(socket, {reinterpret_cast<const std::uint8_t*>(message.head.data()), message.head.size()},
             deadline);
    send_all(socket, message.body.view(), deadline);
    send_all(socket, message.notes.view(), deadline);
}

Message receive_message(int socket, Deadline deadline) {
    std::array<std::uint8_t, kParts * kLengthBytes> lengths{};
    receive_all(socket, lengths, deadline);
    const std::span<const std::uint8_t> all(lengths);
    const auto head = read_length(all.subspan(0, kLengthBytes));
    const auto body = read_length(all.subspan(kLengthBytes, kLengthBytes));
    const auto notes = read_length(all.subspan(2 * kLengthBytes, kLengthBytes));
    if (head > kHeadMost || body > kBodyMost || notes > kNotesMost)
        throw MessageError("the message is too long");
    Message message{std::string(head, '\0'), crypto::SecretBytes(body), crypto::SecretBytes(notes)};
    receive_all(socket, {reinterpret_cast<std::uint8_t*>(message.head.data()), head}, deadline);
    receive_all(socket, message.body.writable(), deadline);
    receive_all(socket, message.notes.writable(), deadline);
    return message;
}

}  // namespace coffer::program_runner
