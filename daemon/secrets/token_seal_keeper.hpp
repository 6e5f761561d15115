#pragma once
// Storage's seals, made by the token.

#include "crypto/seals.hpp"
#include "storage/seal_keeper.hpp"

namespace coffer::secrets {

/// Blocks the storage thread that calls while the token works. Thread-safe.
class TokenSealKeeper final : public storage::SealKeeper {
public:
    explicit TokenSealKeeper(crypto::Seals& seals) : seals_(seals) {}

    [[nodiscard]] Bytes make(Bytes message, Deadline deadline) override {
        return seals_.make(std::move(message), JobOptions{Priority::write, deadline});
    }
    [[nodiscard]] bool check(Bytes message, ByteView seal, Deadline deadline) override {
        return seals_.check(std::move(message), seal, JobOptions{Priority::read, deadline});
    }

    [[nodiscard]] std::vector<bool> check_all(std::vector<storage::Sealed> sealed,
                                              Deadline deadline) override {
        std::vector<crypto::SealedMessage> messages;
        messages.reserve(sealed.size());
        for (auto& each : sealed) messages.push_back({std::move(each.message), std::move(each.seal)});
        return seals_.check_all(std::move(messages), JobOptions{Priority::read, deadline});
    }

private:
    crypto::Seals& seals_;
};

}  // namespace coffer::secrets
