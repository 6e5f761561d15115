#pragma once
// An open Hsm on a fresh token, with blocking calls and an observer that remembers.

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "crypto/hsm.hpp"
#include "tests/support/tokens.hpp"

namespace coffer::testing {

class RecordingObserver final : public crypto::HsmObserver {
public:
    struct Readiness {
        bool ready = false;
        std::string reason;
    };

    void readiness_changed(bool ready, std::string reason) override {
        const std::lock_guard lock(mutex_);
        readiness_.push_back({ready, std::move(reason)});
    }
    void recovered(std::string recovery, std::string function, unsigned long) override {
        const std::lock_guard lock(mutex_);
        recoveries_.push_back(recovery + " after " + function);
    }
    void job_done(std::chrono::nanoseconds, std::chrono::nanoseconds) override { ++jobs_; }
    void integrity_failure(std::string what) override {
        const std::lock_guard lock(mutex_);
        integrity_failures_.push_back(std::move(what));
    }

    [[nodiscard]] std::vector<Readiness> readiness() const {
        const std::lock_guard lock(mutex_);
        return readiness_;
    }
    [[nodiscard]] std::vector<std::string> recoveries() const {
        const std::lock_guard lock(mutex_);
        return recoveries_;
    }
    [[nodiscard]] std::vector<std::string> integrity_failures() const {
        const std::lock_guard lock(mutex_);
        return integrity_failures_;
    }
    [[nodiscard]] std::uint64_t jobs() const { return jobs_; }

private:
    mutable std::mutex mutex_;
    std::vector<Readiness> readiness_;
    std::vector<std::string> recoveries_;
    std::vector<std::string> integrity_failures_;
    std::atomic<std::uint64_t> jobs_ = 0;
};

class TestHsm {
public:
    explicit TestHsm(const crypto::HsmConfig& config)
        : observer_(std::make_shared<RecordingObserver>()), hsm_(crypto::Hsm::open(config, observer_)) {}

    [[nodiscard]] crypto::Hsm& hsm() { return *hsm_; }
    [[nodiscard]] RecordingObserver& observer() { return *observer_; }
    [[nodiscard]] crypto::MasterKeyId main_key() const { return hsm_->find_master_key("main").value().id; }

    [[nodiscard]] crypto::SealedPayload seal(const crypto::PayloadIdentity& identity, ByteView plaintext,
                                             JobOptions options = {}) {
        return wait_for<crypto::SealedPayload>([&](Completion<crypto::SealedPayload> done) {
            hsm_->envelope().seal(identity, crypto::SecretBytes::copy_of(plaintext), main_key(), options,
                                  std::move(done));
        });
    }
    [[nodiscard]] Bytes open(const crypto::PayloadIdentity& identity, const crypto::SealedPayload& payload,
                             JobOptions options = {}) {
        const auto secret = wait_for<crypto::SecretBytes>([&](Completion<crypto::SecretBytes> done) {
            hsm_->envelope().open(identity, std::make_shared<crypto::SealedPayload>(payload), options,
                                  std::move(done));
        });
        return {secret.view().begin(), secret.view().end()};
    }

private:
    std::shared_ptr<RecordingObserver> observer_;
    std::unique_ptr<crypto::Hsm> hsm_;
};

}  // namespace coffer::testing
