#pragma once
// The parts behind Hsm, in the order in which they depend on each other.

#include <memory>
#include <utility>

#include "crypto/executor.hpp"
#include "crypto/hsm.hpp"
#include "crypto/token.hpp"

namespace coffer::crypto {

class Hsm::Impl {
public:
    Impl(const HsmConfig& config, const std::shared_ptr<HsmObserver>& observer, Hsm& hsm);
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    [[nodiscard]] Token& token() noexcept { return *token_; }
    [[nodiscard]] Executor& executor() noexcept { return *executor_; }
    [[nodiscard]] Envelope& envelope() noexcept { return envelope_; }
    [[nodiscard]] Seals& seals() noexcept { return seals_; }
    [[nodiscard]] AuditKey& audit_key() noexcept { return audit_key_; }
    [[nodiscard]] Rewrapper& rewrapper() noexcept { return rewrapper_; }
    [[nodiscard]] KeyChanges& key_changes() noexcept { return key_changes_; }

    /// Queues `work`, a T(HsmContext&), for a worker.
    template <class T, class Work>
    void submit(JobOptions options, Completion<T> completion, Work work) {
        executor_->submit(make_job<T>(options, std::move(completion), std::move(work)));
    }
    void close();

private:
    std::unique_ptr<Token> token_;
    std::unique_ptr<Executor> executor_;
    Envelope envelope_;
    Seals seals_;
    AuditKey audit_key_;
    Rewrapper rewrapper_;
    KeyChanges key_changes_;
};

}  // namespace coffer::crypto
