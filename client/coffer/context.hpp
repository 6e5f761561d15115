#pragma once
// What every verb works with: the options that all of them have, the client, and the ways to show an answer.

#include <google/protobuf/message.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/client.hpp"
#include "client/config.hpp"

namespace coffer::cli {

/// Options that may stand before or after every verb.
struct GlobalOptions {
    std::string config_file;
    std::string endpoint;
    std::string server_name;
    std::string ca_file;
    std::string cert_file;
    std::string key_file;
    std::string role;
    std::string session_file;    ///< what assume-role printed, to act in that session
    double timeout_seconds = 0;  ///< 0: as configured
    std::string output;          ///< "json", "text", "table"; empty: as the verb likes
    bool no_paginate = false;
    std::vector<std::string> after_dashes;  ///< of exec: the program and its arguments
};

class Context {
public:
    explicit Context(GlobalOptions options) : options_(std::move(options)) {}

    [[nodiscard]] const GlobalOptions& options() const noexcept { return options_; }
    /// File, environment and options, in this order.
    [[nodiscard]] client::Config config() const;
    [[nodiscard]] client::Client& client();
    /// Closes connections and ends the client's thread.
    void disconnect() noexcept { client_.reset(); }

    /// Throws ServiceFailure, or another of libcoffer's errors.
    [[nodiscard]] v1::Response call(v1::Request request);
    /// The same without a word on the terminal when it takes long: for callers that say more themselves.
    [[nodiscard]] v1::Response call_quietly(v1::Request request);

    /// Prints as --output says, as JSON without it. `title` heads tables.
    void show(std::string_view title, const google::protobuf::Message& message) const;

private:
    GlobalOptions options_;
    std::string session_token_;
    std::unique_ptr<client::Client> client_;
};

}  // namespace coffer::cli
