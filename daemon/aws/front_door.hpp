#pragma once
// From a request of HTTP to its answer: which operation, who signed it, what it says; then the same pipeline
// as every other request. The second front door: it knows no operation's meaning.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>

#include "daemon/aws/answer.hpp"
#include "daemon/aws/http_answer.hpp"
#include "daemon/aws/http_request.hpp"
#include "daemon/aws/sigv4_verifier.hpp"
#include "daemon/base/time.hpp"
#include "daemon/iam/credentials.hpp"
#include "daemon/secrets/pipeline.hpp"
#include "daemon/server/listener_context.hpp"

namespace coffer::aws {

/// What is known of a request besides its bytes.
struct Arrival {
    /// Listener, source address, TLS; who it is is found out here.
    access::Caller caller;
    Deadline deadline;
    std::string request_id;
    /// Called when the signature was found to be right: may refuse, for a limit of this principal's.
    std::function<void(const std::string& principal)> admit;
    /// Called for a request that nobody signed and that needs no signature: may refuse, for a limit of the
    /// address's.
    std::function<void()> admit_stranger;
    /// Told why a request was refused before any operation saw it. An access key that nobody has is not the
    /// caller's: `unknown_access_key_id` is then of the form of one, else empty.
    std::function<void(const ErrorAnswer& error, const access::Caller& caller,
                       const std::string& unknown_access_key_id)>
        refused;
    std::string unknown_access_key_id{};
};

/// Thread-safe.
class FrontDoor {
public:
    /// `clock` and `credentials` must outlive it.
    FrontDoor(std::string region, const Clock& clock, iam::Credentials& credentials,
              server::RequestHandler handler)
        : region_(std::move(region)),
          clock_(clock),
          credentials_(credentials),
          handler_(std::move(handler)) {}

    /// Answers a request that is whole. Throws nothing but what the handler throws.
    [[nodiscard]] boost::asio::awaitable<HttpAnswer> answer(std::shared_ptr<const HttpRequest> request,
                                                            Arrival arrived);

    [[nodiscard]] const Clock& clock() const noexcept { return clock_; }

private:
    boost::asio::awaitable<HttpAnswer> answer_json(std::shared_ptr<const HttpRequest> request,
                                                   std::shared_ptr<Arrival> arrival);
    /// STS.
    boost::asio::awaitable<HttpAnswer> answer_query(std::shared_ptr<const HttpRequest> request,
                                                    std::shared_ptr<Arrival> arrival);
    /// Lets the request in that needs no signature and has none. False for every other.
    [[nodiscard]] static bool admit_unsigned(const HttpRequestView& request,
                                             v1::Request::OperationCase operation, const Arrival& arrival);
    /// Puts who signed the request into the caller. Throws RequestRefused.
    boost::asio::awaitable<void> authenticate(std::shared_ptr<const HttpRequest> request,
                                              SignatureScope scope, std::shared_ptr<Arrival> arrival);
    [[nodiscard]] secrets::CallContext context_of(const HttpRequest& request, const Arrival& arrival) const;

    const std::string region_;
    const Clock& clock_;
    iam::Credentials& credentials_;
    const server::RequestHandler handler_;
    SignatureVerifier verifier_;
};

/// The answer that an error becomes, as AWS JSON 1.1.
[[nodiscard]] HttpAnswer json_error_answer(const ErrorAnswer& error);

}  // namespace coffer::aws
