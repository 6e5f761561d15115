#pragma once
// Keys of an identity provider from a file: for clusters whose keys hardly change, and for networks without a
// way to the provider.

#include <filesystem>
#include <mutex>

#include "daemon/sts/key_source.hpp"

namespace coffer::sts {

class PinnedKeys final : public KeySource {
public:
    /// Reads the file, a JWK Set that only its owner may write, root or this process's user. Throws
    /// KeySourceError.
    explicit PinnedKeys(std::filesystem::path file);

    [[nodiscard]] WebKeySetPtr keys() const override;
    void renew(Completion<Done> done) override { done(Done{}); }
    void reload() override;
    [[nodiscard]] KeySourceStatus status() const override;

private:
    const std::filesystem::path file_;
    mutable std::mutex mutex_;
    WebKeySetPtr keys_;
};

}  // namespace coffer::sts
