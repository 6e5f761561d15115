#pragma once
// One client: handshake, Hello, then requests side by side, answered in whatever order they are done, until
// either side ends it. docs/protocol.md is the protocol; this is the daemon's half of it.
//
// Everything here runs on the thread of the connection's shard.

#include <list>
#include <memory>
#include <string>

#include "daemon/server/client_connection.hpp"

namespace coffer::server {

class Connection final : public ClientConnection {
public:
    explicit Connection(ConnectionParts parts);
    ~Connection() override;

private:
    /// A request that is being worked on.
    struct Call {
        std::uint64_t id = 0;
        std::string request_id;
        Deadline deadline;
        bool answered = false;
    };
    using Calls = std::list<Call>;

    // What the protocol is made of.
    bool identify() override;
    std::size_t take(ByteView bytes) override;
    [[nodiscard]] bool has_room() const noexcept override;
    [[nodiscard]] bool busy() const noexcept override { return !calls_.empty(); }
    void say_last_word(v1::ConnectionError::Reason reason, const std::string& message,
                       bool retryable) override;
    void check_calls(Deadline time) override;

    // From bytes to requests.
    void take_frame(ByteView content);
    void take_hello(const v1::Hello& hello);
    void take_request(std::unique_ptr<v1::Request> request);
    void recognise_caller();
    void recognise_session(const std::string& token);

    // From requests to answers.
    boost::asio::awaitable<void> perform(std::shared_ptr<ClientConnection> self, Calls::iterator call,
                                         secrets::CallContext context, std::unique_ptr<v1::Request> request);
    boost::asio::awaitable<v1::Response> answer_to(secrets::CallContext context,
                                                   std::unique_ptr<v1::Request> request);
    void refuse_request(const secrets::CallContext& context, const v1::Request& request, v1::ErrorCode code,
                        const std::string& message);
    void answer(const Call& call, v1::Response response);
    void send(v1::Response response);
    void send(const v1::Frame& frame);

    access::Recognition recognition_;
    // Of the session token that came last: most connections have one at a time.
    std::string session_token_;
    access::Recognition session_;
    Calls calls_;
};

}  // namespace coffer::server
