#pragma once
// Keys of an identity provider from its JWKS address, fetched by a thread of their own: no request waits for
// the network unless it has a token whose key is not known yet.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "daemon/net/tls_connection.hpp"
#include "daemon/sts/key_source.hpp"

namespace coffer::sts {

struct FetchedKeysConfig {
    /// Host, port, authorities and time limits of each step.
    net::TlsTarget address;
    /// The request's target: path and query.
    std::string path = "/";
    /// From one fetch to the next, when all goes well.
    std::chrono::milliseconds refresh_interval{3'600'000};
};

/// Told how fetches end, on the fetching thread. Must not block or throw.
struct FetchedKeysEvents {
    /// The first time, and the first after a failure.
    std::function<void(std::size_t keys)> fetched{};
    /// The first after a success.
    std::function<void(const std::string& reason)> failed{};
};

class FetchedKeys final : public KeySource {
public:
    /// After a failure, the next try comes so soon; and keys that tokens ask for are looked for so often at
    /// most.
    static constexpr std::chrono::seconds kRetryInterval{10};
    /// Requests that wait for a fetch; more are answered by what is there.
    static constexpr std::size_t kWaitersMax = 1'000;

    /// Begins to fetch; does not wait for it. `clock` must outlive it.
    FetchedKeys(FetchedKeysConfig config, const Clock& clock, FetchedKeysEvents events);
    ~FetchedKeys() override;
    FetchedKeys(const FetchedKeys&) = delete;
    FetchedKeys& operator=(const FetchedKeys&) = delete;

    /// The last that were fetched, however long ago: a provider that is away does not take its tokens' worth
    /// away.
    [[nodiscard]] WebKeySetPtr keys() const override;
    void renew(Completion<Done> done) override;
    /// Has them fetched, soon.
    void reload() override;
    [[nodiscard]] KeySourceStatus status() const override;

private:
    void run(const std::stop_token& stop);
    void fetch(const std::stop_token& stop);
    [[nodiscard]] std::string get(const std::stop_token& stop) const;
    void answer_waiters();
    [[nodiscard]] bool may_ask_again(Deadline now) const;

    const FetchedKeysConfig config_;
    const Clock& clock_;
    const FetchedKeysEvents events_;

    mutable std::mutex mutex_;
    std::condition_variable_any wake_;
    WebKeySetPtr keys_;
    KeySourceStatus status_;
    std::vector<Completion<Done>> waiters_;
    bool asked_ = false;
    bool fetching_ = false;
    bool failed_ = false;  ///< the last fetch
    Deadline last_begun_{};
    std::jthread thread_;
};

}  // namespace coffer::sts
