#include "tls_peer.hpp"

#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cstdlib>
#include <sstream>

#include "pki.hpp"

namespace coffer::testing {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

PeerFiles::PeerFiles(const std::filesystem::path& folder, const std::string& server_name) : folder_(folder) {
    const TestCa ca("test CA of " + server_name);
    CertificateSpec spec;
    spec.common_names = {server_name};
    spec.alternative_names = {{GEN_DNS, server_name}};
    spec.extended_key_usage = "serverAuth";
    const auto identity = ca.issue(spec);
    write_private(folder_ / "ca.pem", pem_of(ca.certificate()));
    write_private(folder_ / "server.pem", pem_of(identity.certificate.get()));
    write_private(folder_ / "server.key", pem_of(identity.key.get()));
}

TlsPeer::TlsPeer(const PeerFiles& files, PeerMode mode, std::deque<unsigned> statuses, std::uint16_t port)
    : mode_(mode), statuses_(std::move(statuses)) {
    tls_.use_certificate_chain_file((files.folder() / "server.pem").string());
    tls_.use_private_key_file((files.folder() / "server.key").string(), asio::ssl::context::pem);
    const tcp::endpoint endpoint(asio::ip::make_address("127.0.0.1"), port);
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind(endpoint);
    acceptor_.listen();
    port_ = acceptor_.local_endpoint().port();
    thread_ = std::thread([this] { run(); });
}

TlsPeer::TlsPeer(const PeerFiles& files, std::deque<ScriptedAnswer> script)
    : TlsPeer(files, PeerMode::script) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(script);
}

TlsPeer::~TlsPeer() {
    stopping_ = true;
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    {
        const std::lock_guard lock(mutex_);
        if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
    }
    thread_.join();
}

void TlsPeer::run() {
    while (!stopping_) {
        boost::system::error_code error;
        Stream stream(io_, tls_);
        acceptor_.accept(stream.next_layer(), error);
        if (error) continue;
        ++connections_;
        {
            const std::lock_guard lock(mutex_);
            if (stopping_) return;
            socket_ = stream.next_layer().native_handle();
        }
        try {
            serve(stream);
        } catch (const std::exception&) {  // the client went away
        }
        const std::lock_guard lock(mutex_);
        socket_ = -1;
    }
}

void TlsPeer::serve(Stream& stream) {
    if (mode_ == PeerMode::deaf) {
        while (!stopping_) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return;
    }
    stream.handshake(asio::ssl::stream_base::server);
    if (mode_ == PeerMode::syslog) return serve_syslog(stream);
    if (mode_ == PeerMode::https) return serve_https(stream);
    if (mode_ == PeerMode::script) return serve_script(stream);
    std::string sink(4096, '\0');
    while (true) (void)stream.read_some(asio::buffer(sink));
}

void TlsPeer::serve_syslog(Stream& stream) {
    asio::streambuf buffer;
    for (int i = 1;; ++i) {
        const auto size_end = asio::read_until(stream, buffer, ' ');
        std::string head(size_end, '\0');
        buffer.sgetn(head.data(), static_cast<std::streamsize>(size_end));
        const auto size = static_cast<std::size_t>(std::stoul(head));
        if (buffer.size() < size) asio::read(stream, buffer, asio::transfer_at_least(size - buffer.size()));
        std::string message(size, '\0');
        buffer.sgetn(message.data(), static_cast<std::streamsize>(size));
        add(std::move(message));
        if (i == close_after_) return;
    }
}

void TlsPeer::serve_https(Stream& stream) {
    boost::beast::flat_buffer buffer;
    for (int i = 1;; ++i) {
        http::request<http::string_body> request;
        http::read(stream, buffer, request);
        unsigned status = 200;
        if (!statuses_.empty()) {
            status = statuses_.front();
            statuses_.pop_front();
        }
        if (status == 200) {
            std::istringstream lines(request.body());
            for (std::string line; std::getline(lines, line);) add(line);
        }
        http::response<http::string_body> response(static_cast<http::status>(status), 11);
        response.prepare_payload();
        http::write(stream, response);
        if (i == close_after_) return;
    }
}

void TlsPeer::serve_script(Stream& stream) {
    std::string received;
    while (true) {
        const auto head = asio::read_until(stream, asio::dynamic_buffer(received), "\r\n\r\n");
        constexpr std::string_view kLength = "\r\nContent-Length: ";
        std::size_t size = head;
        if (const auto at = received.find(kLength); at < head)
            size += std::strtoul(received.c_str() + at + kLength.size(), nullptr, 10);
        if (received.size() < size)
            asio::read(stream, asio::dynamic_buffer(received),
                       asio::transfer_exactly(size - received.size()));
        add(received.substr(0, size));
        received.erase(0, size);
        const auto answer = next_answer();
        for (const auto& piece : answer.pieces) asio::write(stream, asio::buffer(piece));
        while (!answer.endless.empty()) {
            std::this_thread::sleep_for(answer.pause);
            asio::write(stream, asio::buffer(answer.endless));
        }
        using End = ScriptedAnswer::End;
        if (answer.end == End::cut) return;
        // Its own close_notify, and then the client's or the connection's end.
        if (answer.end == End::close_notify) return stream.shutdown();
        char byte = 0;
        while (answer.end == End::silence) (void)stream.read_some(asio::buffer(&byte, 1));
    }
}

ScriptedAnswer TlsPeer::next_answer() {
    const std::lock_guard lock(mutex_);
    if (script_.empty()) throw std::runtime_error("a request that the script has no answer for");
    auto answer = std::move(script_.front());
    script_.pop_front();
    return answer;
}

void TlsPeer::add(std::string text) {
    {
        const std::lock_guard lock(mutex_);
        received_.push_back(std::move(text));
    }
    added_.notify_all();
}

std::vector<std::string> TlsPeer::received() const {
    const std::lock_guard lock(mutex_);
    return received_;
}

bool TlsPeer::wait_for(std::size_t count) const {
    std::unique_lock lock(mutex_);
    return added_.wait_for(lock, std::chrono::minutes(1), [&] { return received_.size() >= count; });
}

net::TlsTarget target_of(const PeerFiles& files, std::uint16_t port) {
    net::TlsTarget target;
    target.host = "localhost";
    target.port = port;
    target.ca_file = files.folder() / "ca.pem";
    return target;
}

}  // namespace coffer::testing
