#pragma once
// A client of a listener of the protocol "aws": HTTP/1.1 over TLS, one request at a time and in their order,
// however many the client sent ahead.

#include <memory>
#include <string>

#include "daemon/aws/byte_budget.hpp"
#include "daemon/aws/front_door.hpp"
#include "daemon/server/client_connection.hpp"

namespace coffer::aws {

class HttpConnection final : public server::ClientConnection {
public:
    HttpConnection(server::ConnectionParts parts, std::shared_ptr<FrontDoor> door,
                   std::shared_ptr<ByteBudget> strangers);
    ~HttpConnection() override;

private:
    // What the protocol is made of.
    bool identify() override;
    std::size_t take(ByteView bytes) override;
    [[nodiscard]] bool midway() const noexcept override { return request_ && request_->begun(); }
    [[nodiscard]] bool has_room() const noexcept override {
        return !draining_ && !busy() && has_output_room();
    }
    [[nodiscard]] bool busy() const noexcept override { return call_ != nullptr; }
    void say_last_word(v1::ConnectionError::Reason reason, const std::string& message,
                       bool retryable) override;
    void check_calls(Deadline time) override;
    [[nodiscard]] std::chrono::milliseconds idle_limit() const noexcept override;

    /// A request that is being worked on.
    struct Call {
        std::string request_id;
        Deadline deadline;
        bool keep_alive = true;
        bool is_http_1_0 = false;
        bool is_head = false;
        bool answered = false;
        bool is_somebodys = false;  // its signature was right
        bool is_charged = false;    // to the address, since it needed none
    };

    /// Throws HttpError when strangers hold as much as they may.
    void account_for_body();
    void begin_call();
    boost::asio::awaitable<void> perform(std::shared_ptr<ClientConnection> self, std::shared_ptr<Call> call,
                                         std::shared_ptr<const HttpRequest> request);
    boost::asio::awaitable<HttpAnswer> answer_to(std::shared_ptr<const HttpRequest> request,
                                                 std::shared_ptr<Call> call);
    [[nodiscard]] std::shared_ptr<const access::PeerFacts> facts_with_agent(std::string_view user_agent);
    [[nodiscard]] Arrival arrival_of(const HttpRequest& request, const std::shared_ptr<Call>& call);
    void admit_principal(const std::string& principal);
    [[nodiscard]] bool charge_address() const;
    /// Whether the connection may go on after the answer to `call`.
    [[nodiscard]] bool may_stay(const Call& call, unsigned status);
    void note_refusal(const ErrorAnswer& error, const access::Caller& caller,
                      std::string_view unknown_access_key_id = {}) const;
    void call_done(const std::shared_ptr<Call>& call, HttpAnswer answer);
    void send(const Call& call, const HttpAnswer& answer);
    /// Answers what is no request, and ends the connection.
    void refuse_bytes(const RequestRefused& refused);

    const std::shared_ptr<FrontDoor> door_;
    const std::string counted_network_;
    std::shared_ptr<const access::PeerFacts> facts_;  // with the agent of the request before
    std::unique_ptr<HttpRequest> request_;            // that is being received
    std::shared_ptr<Call> call_;                      // that is not answered yet
    bool somebody_ = false;                           // a signature was right
    unsigned refused_in_a_row_ = 0;                   // while none was
    ByteShare held_;                                  // while none was
};

/// What strangers may hold together on all listeners: as much as some hundred requests with large values
/// have.
inline constexpr std::size_t kStrangersBytesMax = 64U * 1024 * 1024;

/// Makes connections that share `door`. Bodies that come over connections on which no signature was right yet
/// have `strangers_bytes_max` together; small ones are always taken.
[[nodiscard]] server::ConnectionMaker http_connections(std::shared_ptr<FrontDoor> door,
                                                       std::size_t strangers_bytes_max = kStrangersBytesMax);

}  // namespace coffer::aws
