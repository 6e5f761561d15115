#include "test_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>

namespace coffer::testing {

namespace {
constexpr int kPatienceSeconds = 30;

std::string take_all(BIO* bio) {
    std::string bytes(BIO_ctrl_pending(bio), '\0');
    if (!bytes.empty()) BIO_read(bio, bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
}

/// Where the last of several TLS records begins (RFC 8446, 5.1: type, version, and two bytes of length).
std::size_t last_record(std::string_view records) {
    std::size_t at = 0;
    while (true) {
        const auto byte = [&](std::size_t i) { return std::size_t{static_cast<unsigned char>(records[i])}; };
        const std::size_t next = at + 5 + byte(at + 3) * 256 + byte(at + 4);
        if (next + 5 > records.size()) return at;
        at = next;
    }
}
}  // namespace

int connect_to(std::uint16_t port, int receive_buffer_bytes) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throw std::runtime_error("no socket");
    if (receive_buffer_bytes > 0) {
        ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    }
    const timeval patience{kPatienceSeconds, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        ::close(fd);
        throw std::runtime_error("connection refused");
    }
    return fd;
}

TestClient::TestClient(const ClientOptions& options)
    : socket_(connect_to(options.port, options.receive_buffer_bytes)),
      context_(SSL_CTX_new(TLS_client_method())) {
    std::signal(SIGPIPE, SIG_IGN);
    SSL_CTX_set_max_proto_version(context_.get(), options.max_version);
    if (options.ca != nullptr) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), options.ca);
        SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    }
    if (options.identity != nullptr) {
        SSL_CTX_use_certificate(context_.get(), options.identity->certificate.get());
        SSL_CTX_use_PrivateKey(context_.get(), options.identity->key.get());
        if (options.intermediate != nullptr) SSL_CTX_add1_chain_cert(context_.get(), options.intermediate);
    }
    ssl_.reset(SSL_new(context_.get()));
    ERR_clear_error();
    if (options.withheld == Withheld::nothing) {
        SSL_set_fd(ssl_.get(), socket_);
        shaken_ = SSL_connect(ssl_.get()) == 1;
    } else {
        shake_hands_but(options.withheld);
    }
}

/// The client's flights are the ClientHello, and all that it says after the server's (RFC 8446, 2; RFC 5246,
/// 7.3).
void TestClient::shake_hands_but(Withheld withheld) {
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    (void)SSL_connect(ssl_.get());
    send_raw(take_all(SSL_get_wbio(ssl_.get())));
    while (withheld_.empty()) {
        std::array<char, 16384> buffer{};
        const auto got = ::recv(socket_, buffer.data(), buffer.size(), 0);
        if (got <= 0) throw std::runtime_error("the server ended the handshake");
        BIO_write(SSL_get_rbio(ssl_.get()), buffer.data(), static_cast<int>(got));
        (void)SSL_connect(ssl_.get());
        withheld_ = take_all(SSL_get_wbio(ssl_.get()));
    }
    if (withheld == Withheld::flight) return;
    const std::size_t sent = last_record(withheld_);
    send_raw(std::string_view(withheld_).substr(0, sent));
    withheld_.erase(0, sent);
}

void TestClient::release() {
    send_raw(withheld_);
    withheld_.clear();
    SSL_set_fd(ssl_.get(), socket_);
    ERR_clear_error();
    shaken_ = SSL_connect(ssl_.get()) == 1;
}

TestClient::~TestClient() {
    ::close(socket_);
}

bool TestClient::send_bytes(std::string_view bytes) {
    ERR_clear_error();
    return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) ==
           static_cast<int>(bytes.size());
}

bool TestClient::send_frame(const v1::Frame& frame) {
    return send_bytes(wire(frame));
}

bool TestClient::read_more() {
    std::array<char, 16384> buffer{};
    ERR_clear_error();
    errno = 0;
    const int got = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (got > 0) {
        received_.append(buffer.data(), static_cast<std::size_t>(got));
        return true;
    }
    const int saved_errno = errno;
    const int kind = SSL_get_error(ssl_.get(), got);
    const unsigned long error = ERR_peek_error();
    if (kind == SSL_ERROR_ZERO_RETURN) {
        end_ = "close_notify";
    } else if (ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) >= SSL_AD_REASON_OFFSET) {
        end_ = "alert " + std::to_string(ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET);
    } else if (saved_errno == EAGAIN || saved_errno == EWOULDBLOCK || kind == SSL_ERROR_WANT_READ) {
        end_ = "timeout";
    } else if (saved_errno == ECONNRESET || saved_errno == EPIPE) {
        end_ = "reset";
    } else {
        end_ = "eof";
    }
    return false;
}

std::optional<v1::Frame> TestClient::read_frame() {
    while (true) {
        if (received_.size() >= 4) {
            std::uint32_t length = 0;
            for (std::size_t i = 0; i < 4; ++i)
                length = (length << 8U) | static_cast<unsigned char>(received_[i]);
            if (received_.size() >= 4 + std::size_t{length}) {
                v1::Frame frame;
                if (!frame.ParseFromString(received_.substr(4, length)))
                    throw std::runtime_error("not a Frame");
                received_.erase(0, 4 + std::size_t{length});
                return frame;
            }
        }
        if (!read_more()) return std::nullopt;
    }
}

std::optional<v1::Frame> TestClient::hello() {
    send_frame(hello_frame());
    return read_frame();
}

void TestClient::finish_sending() {
    SSL_shutdown(ssl_.get());
    ::shutdown(socket_, SHUT_WR);
}

void TestClient::cut_off() {
    ::shutdown(socket_, SHUT_WR);
}

void TestClient::send_raw(std::string_view bytes) const {
    (void)::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

std::string prefix(std::uint32_t length) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8)
        bytes += static_cast<char>((length >> static_cast<unsigned>(shift)) & 0xFFU);
    return bytes;
}

std::string wire(const v1::Frame& frame) {
    const std::string content = frame.SerializeAsString();
    return prefix(static_cast<std::uint32_t>(content.size())) + content;
}

v1::Frame hello_frame(std::uint32_t min, std::uint32_t max) {
    v1::Frame frame;
    frame.mutable_hello()->set_min_version(min);
    frame.mutable_hello()->set_max_version(max);
    frame.mutable_hello()->set_client("test");
    return frame;
}

v1::Frame get_frame(std::uint64_t id, const std::string& secret_id, std::uint32_t deadline_ms) {
    v1::Frame frame;
    frame.mutable_request()->set_id(id);
    frame.mutable_request()->set_deadline_ms(deadline_ms);
    frame.mutable_request()->mutable_get_secret_value()->set_secret_id(secret_id);
    return frame;
}

}  // namespace coffer::testing
