#pragma once
// The client for everybody else: calls that block. It has a thread of its own for the network.
//
//     coffer::client::Client client(coffer::client::load_config());
//     auto password = client.get_secret("app/db");

#include <memory>
#include <string>

#include "client/config.hpp"
#include "client/errors.hpp"
#include "client/operations.hpp"
#include "coffer/v1/frame.pb.h"
#include "crypto/secret_bytes.hpp"

namespace coffer::client {

/// Thread-safe: calls of several threads share the connections and go out together. Errors are those of
/// AsyncClient. Not to be used across a fork().
class Client {
public:
    /// Throws ConfigError when something needed is not configured. Connects at the first call.
    explicit Client(Config config);
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    /// Calls under way in other threads fail with ConnectionError.
    ~Client();

    [[nodiscard]] v1::HelloReply hello();

    /// The value of AWSCURRENT, whether text or binary, in memory that is wiped.
    [[nodiscard]] crypto::SecretBytes get_secret(const std::string& secret_id);

    /// Any operation; see AsyncClient::call.
    v1::Response call(v1::Request request, CallOptions options = {});

    // Responses hold secrets in the clear: see wipe.hpp.
#define COFFER_DECLARE_OPERATION(method, Name) \
    v1::Name##Response method(v1::Name##Request request, CallOptions options = {});
    COFFER_FOR_EACH_OPERATION(COFFER_DECLARE_OPERATION)
#undef COFFER_DECLARE_OPERATION

private:
    class Engine;
    std::unique_ptr<Engine> engine_;
};

}  // namespace coffer::client
