#include "daemon/sts/fetched_keys.hpp"

#include <fmt/format.h>

#include <utility>

#include "daemon/base/thread_name.hpp"
#include "daemon/net/https_client.hpp"
#include "daemon/sts/strict_json.hpp"

namespace coffer::sts {

FetchedKeys::FetchedKeys(FetchedKeysConfig config, const Clock& clock, FetchedKeysEvents events)
    : config_(std::move(config)), clock_(clock), events_(std::move(events)), fetching_(true) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
    name_thread(thread_, "provider-keys");
}

FetchedKeys::~FetchedKeys() {
    thread_.request_stop();
    thread_.join();
    answer_waiters();
}

WebKeySetPtr FetchedKeys::keys() const {
    const std::lock_guard lock(mutex_);
    return keys_;
}

KeySourceStatus FetchedKeys::status() const {
    const std::lock_guard lock(mutex_);
    auto status = status_;
    status.keys = keys_ ? keys_->size() : 0;
    return status;
}

void FetchedKeys::reload() {
    {
        const std::lock_guard lock(mutex_);
        asked_ = true;
    }
    wake_.notify_all();
}

bool FetchedKeys::may_ask_again(Deadline now) const {
    return now - last_begun_ >= kRetryInterval;
}

void FetchedKeys::renew(Completion<Done> done) {
    {
        const std::lock_guard lock(mutex_);
        const bool helps = fetching_ || asked_ || may_ask_again(std::chrono::steady_clock::now());
        if (helps && waiters_.size() < kWaitersMax) {
            waiters_.push_back(std::move(done));
            if (!fetching_) asked_ = true;
        }
    }
    if (done) {
        done(Done{});
    } else {
        wake_.notify_all();
    }
}

void FetchedKeys::answer_waiters() {
    std::vector<Completion<Done>> waiters;
    {
        const std::lock_guard lock(mutex_);
        waiters.swap(waiters_);
    }
    for (auto& done : waiters) done(Done{});
}

void FetchedKeys::run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        {
            const std::lock_guard lock(mutex_);
            asked_ = false;
            fetching_ = true;
            last_begun_ = std::chrono::steady_clock::now();
        }
        fetch(stop);
        answer_waiters();
        std::unique_lock lock(mutex_);
        const auto pause = failed_ ? std::chrono::milliseconds(kRetryInterval) : config_.refresh_interval;
        wake_.wait_for(lock, stop, pause, [this] { return asked_; });
    }
}

/// What goes wrong leaves the keys as they are.
void FetchedKeys::fetch(const std::stop_token& stop) {
    WebKeySetPtr keys;
    std::string reason;
    try {
        const auto text = get(stop);
        keys = std::make_shared<const WebKeySet>(WebKeySet::read(text));
    } catch (const net::ConnectionError& error) {
        reason = error.what();
    } catch (const std::exception& error) {
        reason = fmt::format("{}:{}{}: {}", config_.address.host, config_.address.port, config_.path,
                             error.what());
    }
    if (stop.stop_requested()) return;
    bool tell = false;
    {
        const std::lock_guard lock(mutex_);
        fetching_ = false;
        ++status_.fetches;
        const bool before = failed_;
        failed_ = keys == nullptr;
        if (keys) {
            tell = keys_ == nullptr || before;
            keys_ = keys;
            status_.fetched = clock_.now();
        } else {
            ++status_.failures;
            tell = !before;
        }
    }
    if (!tell) return;
    if (keys && events_.fetched) events_.fetched(keys->size());
    if (!keys && events_.failed) events_.failed(reason);
}

std::string FetchedKeys::get(const std::stop_token& stop) const {
    net::HttpsClient client(config_.address);
    const std::stop_callback cancel(stop, [&client] { client.cancel(); });
    client.connect();
    net::HttpsRequest request;
    request.target = config_.path;
    request.fields = {{"Accept", "application/jwk-set+json, application/json"}};
    std::string body(WebKeySet::kBytesMax, '\0');
    const auto answer = client.exchange(request, {reinterpret_cast<std::uint8_t*>(body.data()), body.size()});
    // Redirections are not followed: the address is the one that the operator trusts.
    if (answer.status != 200) {
        throw KeySourceError(fmt::format("answered with the status {}", answer.status));
    }
    body.resize(answer.body_bytes);
    return body;
}

}  // namespace coffer::sts
