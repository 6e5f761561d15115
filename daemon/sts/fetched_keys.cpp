#include "daemon/sts/fetched_keys.hpp"

#include <fmt/format.h>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <utility>

#include "daemon/base/thread_name.hpp"
#include "daemon/sts/strict_json.hpp"

namespace coffer::sts {

namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {
constexpr unsigned kHttpVersion = 11;
constexpr std::uint32_t kAnswerHeaderBytesMax = 16U * 1024;
}  // namespace

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
    net::TlsConnection connection(config_.address);
    const std::stop_callback cancel(stop, [&connection] { connection.cancel(); });
    connection.connect();
    const auto& target = connection.target();
    http::request<http::empty_body> request(http::verb::get, config_.path, kHttpVersion);
    request.set(http::field::host,
                target.port == 443 ? target.host : fmt::format("{}:{}", target.host, target.port));
    request.set(http::field::user_agent, "cofferd");
    request.set(http::field::accept, "application/jwk-set+json, application/json");
    request.keep_alive(false);
    using Stream = net::TlsConnection::Stream;
    using Finish = net::TlsConnection::Done;
    connection.run("write", target.io_timeout, [&](Stream& stream, Finish finish) {
        http::async_write(
            stream, request,
            [finish = std::move(finish)](beast::error_code error, std::size_t) { finish(error); });
    });
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.header_limit(kAnswerHeaderBytesMax);
    parser.body_limit(WebKeySet::kBytesMax);
    connection.run("read the answer", target.io_timeout, [&](Stream& stream, Finish finish) {
        http::async_read(
            stream, buffer, parser,
            [finish = std::move(finish)](beast::error_code error, std::size_t) { finish(error); });
    });
    // Redirections are not followed: the address is the one that the operator trusts.
    if (parser.get().result_int() != 200) {
        throw KeySourceError(fmt::format("answered with the status {}", parser.get().result_int()));
    }
    return std::move(parser.get().body());
}

}  // namespace coffer::sts
