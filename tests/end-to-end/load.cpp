// Writers and readers against a Coffer that somebody is breaking meanwhile. Runs until SIGTERM or SIGINT,
// then reads everything back and judges: a write that was acknowledged must be there, whole; one whose answer
// was lost, whole or not at all. Exit code 0 when that holds and no request got an error that a client cannot
// retry.
//
// A line "acknowledged N ..." is printed several times a second, so that scripts see that work goes on.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "client/client.hpp"
#include "daemon/base/uuid.hpp"

namespace {

using coffer::client::CallOptions;
using coffer::client::Client;
namespace v1 = coffer::v1;

constexpr std::chrono::milliseconds kDeadline{4'000};
constexpr std::chrono::milliseconds kPauseAfterError{20};
constexpr std::chrono::milliseconds kReportInterval{100};
/// Versions of one secret; few enough that none is pruned for its age before it is read back.
constexpr std::size_t kVersionsEach = 20;
constexpr std::size_t kFailuresShown = 10;
constexpr int kVerifyAttempts = 50;

std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free, "set from a signal handler");

/// One write of a secret's value. The value follows from the version id, so it need not be kept.
struct Write {
    std::string version_id;
    bool acknowledged = false;
};

/// A secret that one worker alone writes, so that the order of its writes is known.
struct WrittenSecret {
    std::string name;
    std::vector<Write> writes;
};

/// The value that belongs to a version id: 40 to 4,000 bytes, no two alike.
std::string value_of(const std::string& version_id) {
    const auto repetitions = 1 + std::hash<std::string>{}(version_id) % 100;
    std::string value;
    for (std::size_t i = 0; i < repetitions; ++i) value += fmt::format("{:03}:{}", i, version_id);
    return value;
}

/// Every answer, a line each, for whoever looks for its audit event: "write NAME VERSION", "read NAME". Thread-safe.
class Answers {
public:
    /// Without a file nothing is kept.
    explicit Answers(const std::string& file) {
        if (!file.empty()) out_.open(file, std::ios::trunc);
    }
    void write(const std::string& name, const std::string& version) {
        const std::lock_guard lock(mutex_);
        if (out_.is_open()) out_ << "write " << name << ' ' << version << '\n';
    }
    void read(const std::string& name) {
        const std::lock_guard lock(mutex_);
        if (out_.is_open()) out_ << "read " << name << '\n';
    }

private:
    std::mutex mutex_;
    std::ofstream out_;
};

/// What all workers found, for the report. Thread-safe.
class Findings {
public:
    void acknowledged() { ++acknowledged_; }
    void retryable_error() { ++retryable_; }
    void failure(const std::string& what) {
        const std::lock_guard lock(mutex_);
        if (++failures_ <= kFailuresShown) fmt::print("failure: {}\n", what);
        std::fflush(stdout);
    }
    void report() const {
        fmt::print("acknowledged {} retryable {}\n", acknowledged_.load(), retryable_.load());
        std::fflush(stdout);
    }
    [[nodiscard]] std::uint64_t acknowledged_count() const { return acknowledged_; }
    [[nodiscard]] std::uint64_t retryable_count() const { return retryable_; }
    [[nodiscard]] std::uint64_t failure_count() const {
        const std::lock_guard lock(mutex_);
        return failures_;
    }

private:
    std::atomic<std::uint64_t> acknowledged_ = 0;
    std::atomic<std::uint64_t> retryable_ = 0;
    mutable std::mutex mutex_;
    std::uint64_t failures_ = 0;
};

enum class Result { done, unknown, failed };

/// Runs a call. An error that a client may retry, or an answer that was lost, is `unknown`.
template <class Call>
Result attempt(Findings& findings, const std::string& what, Call call) {
    try {
        call();
        return Result::done;
    } catch (const coffer::client::ServiceError& e) {
        if (!e.retryable()) {
            findings.failure(fmt::format("{}: {}: {}", what, e.name(), e.what()));
            return Result::failed;
        }
    } catch (const coffer::client::ConnectionError& e) {
        if (!e.retryable()) {
            findings.failure(fmt::format("{}: {}", what, e.what()));
            return Result::failed;
        }
    } catch (const coffer::client::DeadlineExceeded&) {
    } catch (const coffer::client::OutcomeUnknown&) {
    } catch (const std::exception& e) {
        findings.failure(fmt::format("{}: {}", what, e.what()));
        return Result::failed;
    }
    findings.retryable_error();
    return Result::unknown;
}

CallOptions call_options() {
    CallOptions options;
    options.deadline = kDeadline;
    return options;
}

/// Whether `version_id` may be current: the last acknowledged write, or one after it whose answer was lost.
bool may_be_current(const WrittenSecret& secret, const std::string& version_id) {
    for (auto write = secret.writes.rbegin(); write != secret.writes.rend(); ++write) {
        if (write->version_id == version_id) return true;
        if (write->acknowledged) return false;
    }
    return false;
}

void require_current(Findings& findings, const WrittenSecret& secret,
                     const v1::GetSecretValueResponse& answer) {
    if (answer.secret_string() != value_of(answer.version_id())) {
        findings.failure(fmt::format("{}: version {} is not whole", secret.name, answer.version_id()));
    } else if (!may_be_current(secret, answer.version_id())) {
        findings.failure(fmt::format("{}: an acknowledged write was lost: {} is current", secret.name,
                                     answer.version_id()));
    }
}

/// Writes secrets one after the other, reading each value back now and then.
class Worker {
public:
    Worker(Client& client, Findings& findings, Answers& answers, std::string prefix)
        : client_(client), findings_(findings), answers_(answers), prefix_(std::move(prefix)) {}

    void run() {
        while (!stop_requested) {
            secrets_.push_back({fmt::format("{}/{}", prefix_, secrets_.size()), {}});
            auto& secret = secrets_.back();
            if (!create(secret)) continue;
            while (!stop_requested && secret.writes.size() < kVersionsEach) {
                if (write(secret) != Result::done) std::this_thread::sleep_for(kPauseAfterError);
                read(secret);
            }
        }
    }

    [[nodiscard]] const std::vector<WrittenSecret>& secrets() const noexcept { return secrets_; }

private:
    /// Repeated with the same token until it is answered, as a client that has to know does.
    bool create(WrittenSecret& secret) {
        secret.writes.push_back({coffer::Uuid::random().text(), false});
        auto& write = secret.writes.back();
        while (!stop_requested) {
            const auto result = attempt(findings_, "CreateSecret " + secret.name, [&] {
                v1::CreateSecretRequest request;
                request.set_name(secret.name);
                request.set_client_request_token(write.version_id);
                request.set_secret_string(value_of(write.version_id));
                static_cast<void>(client_.create_secret(std::move(request), call_options()));
            });
            if (result == Result::failed) return false;
            if (result == Result::done) {
                acknowledged(secret, write);
                return true;
            }
            std::this_thread::sleep_for(kPauseAfterError);
        }
        return false;
    }

    Result write(WrittenSecret& secret) {
        secret.writes.push_back({coffer::Uuid::random().text(), false});
        auto& write = secret.writes.back();
        const auto result = attempt(findings_, "PutSecretValue " + secret.name, [&] {
            v1::PutSecretValueRequest request;
            request.set_secret_id(secret.name);
            request.set_client_request_token(write.version_id);
            request.set_secret_string(value_of(write.version_id));
            static_cast<void>(client_.put_secret_value(std::move(request), call_options()));
        });
        if (result == Result::done) acknowledged(secret, write);
        return result;
    }

    void acknowledged(const WrittenSecret& secret, Write& write) {
        write.acknowledged = true;
        findings_.acknowledged();
        answers_.write(secret.name, write.version_id);
    }

    void read(const WrittenSecret& secret) {
        attempt(findings_, "GetSecretValue " + secret.name, [&] {
            v1::GetSecretValueRequest request;
            request.set_secret_id(secret.name);
            const auto answer = client_.get_secret_value(std::move(request), call_options());
            answers_.read(secret.name);
            require_current(findings_, secret, answer);
        });
    }

    Client& client_;
    Findings& findings_;
    Answers& answers_;
    std::string prefix_;
    std::vector<WrittenSecret> secrets_;
};

/// Reads back what workers wrote.
class Verifier {
public:
    Verifier(Client& client, Findings& findings) : client_(client), findings_(findings) {}

    void verify(const WrittenSecret& secret) {
        bool something_acknowledged = false;
        for (const auto& write : secret.writes) {
            something_acknowledged = something_acknowledged || write.acknowledged;
            verify_version(secret, write);
        }
        if (something_acknowledged) verify_current(secret);
    }

private:
    /// The answer; nothing when there is no such secret or version.
    std::optional<v1::GetSecretValueResponse> get(const WrittenSecret& secret,
                                                  const std::string& version_id) {
        for (int i = 0; i < kVerifyAttempts; ++i) {
            std::optional<v1::GetSecretValueResponse> answer;
            const auto result = attempt(findings_, "reading back " + secret.name, [&] {
                v1::GetSecretValueRequest request;
                request.set_secret_id(secret.name);
                if (!version_id.empty()) request.set_version_id(version_id);
                try {
                    answer = client_.get_secret_value(std::move(request), call_options());
                } catch (const coffer::client::ServiceError& e) {
                    if (e.code() != v1::RESOURCE_NOT_FOUND) throw;
                }
            });
            if (result != Result::unknown) return answer;
            std::this_thread::sleep_for(kPauseAfterError);
        }
        findings_.failure(
            fmt::format("{}: could not be read back after {} attempts", secret.name, kVerifyAttempts));
        return std::nullopt;
    }

    void verify_version(const WrittenSecret& secret, const Write& write) {
        const auto answer = get(secret, write.version_id);
        if (!answer) {
            if (write.acknowledged) {
                findings_.failure(
                    fmt::format("{}: acknowledged version {} is lost", secret.name, write.version_id));
            }
            return;
        }
        if (answer->secret_string() != value_of(write.version_id)) {
            findings_.failure(fmt::format("{}: version {} is not whole", secret.name, write.version_id));
        }
    }

    void verify_current(const WrittenSecret& secret) {
        if (const auto answer = get(secret, "")) {
            require_current(findings_, secret, *answer);
        } else {
            findings_.failure(fmt::format("{}: no current version", secret.name));
        }
    }

    Client& client_;
    Findings& findings_;
};

void write_until_stopped(std::vector<Worker>& workers, const Findings& findings) {
    std::vector<std::jthread> threads;
    for (auto& worker : workers) threads.emplace_back([&worker] { worker.run(); });
    while (!stop_requested) {
        std::this_thread::sleep_for(kReportInterval);
        findings.report();
    }
}

void read_back(const std::vector<Worker>& workers, Client& client, Findings& findings) {
    std::vector<std::jthread> threads;
    for (const auto& worker : workers) {
        threads.emplace_back([&worker, &client, &findings] {
            Verifier verifier(client, findings);
            for (const auto& secret : worker.secrets()) verifier.verify(secret);
        });
    }
}

extern "C" void request_stop(int) {
    stop_requested = true;
}

int run(unsigned worker_count, const std::string& answers_file) {
    auto config = coffer::client::load_config();
    config.client_name = "e2e_load";
    Client client(std::move(config));
    Findings findings;
    Answers answers(answers_file);

    const auto run_id = coffer::Uuid::random().text();
    std::vector<Worker> workers;
    for (unsigned i = 0; i < worker_count; ++i) {
        workers.emplace_back(client, findings, answers, fmt::format("load/{}/{}", run_id, i));
    }
    write_until_stopped(workers, findings);

    std::size_t writes = 0;
    for (const auto& worker : workers) {
        for (const auto& secret : worker.secrets()) writes += secret.writes.size();
    }
    read_back(workers, client, findings);

    fmt::print("read back {} writes: {} were acknowledged; {} errors were retried; {} failures\n", writes,
               findings.acknowledged_count(), findings.retryable_count(), findings.failure_count());
    return findings.failure_count() == 0 && findings.acknowledged_count() > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "Writes and reads until SIGTERM, then reads everything back. Coffer is found as by the coffer "
        "command."};
    unsigned workers = 8;
    app.add_option("--workers", workers, "threads that write and read")->check(CLI::Range(1, 256));
    std::string answers;
    app.add_option("--answers", answers, "a file for a line about every answer");
    CLI11_PARSE(app, argc, argv);
    std::signal(SIGTERM, request_stop);
    std::signal(SIGINT, request_stop);
    try {
        return run(workers, answers);
    } catch (const std::exception& e) {
        fmt::print(stderr, "e2e_load: {}\n", e.what());
        return 1;
    }
}
