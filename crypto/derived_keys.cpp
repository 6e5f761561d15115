#include "crypto/derived_keys.hpp"

#include <algorithm>

namespace coffer::crypto {

DerivedKeys::DerivedKeys(Seals& seals, std::string purpose, Deadline deadline)
    : seals_(&seals), purpose_(std::move(purpose)) {
    refresh(deadline);
}

DerivedKeys::DerivedKeys(SecretBytes key) {
    keys_.emplace(1, std::make_shared<const SecretBytes>(std::move(key)));
}

void DerivedKeys::refresh(Deadline deadline) {
    if (seals_ == nullptr) return;
    const auto held = seals_->generations();
    for (const auto generation : held) {
        {
            const std::lock_guard lock(mutex_);
            if (keys_.contains(generation)) continue;
        }
        auto key = wait_for<SecretBytes>([&](Completion<SecretBytes> done) {
            seals_->derive(purpose_, generation, {Priority::read, deadline}, std::move(done));
        });
        const std::lock_guard lock(mutex_);
        keys_.emplace(generation, std::make_shared<const SecretBytes>(std::move(key)));
    }
    const std::lock_guard lock(mutex_);
    std::erase_if(keys_,
                  [&](const auto& entry) { return std::ranges::find(held, entry.first) == held.end(); });
}

NumberedKey DerivedKeys::newest_numbered() const {
    const auto sealing = seals_ == nullptr ? 1 : seals_->sealing_generation();
    const std::lock_guard lock(mutex_);
    const auto beyond = keys_.upper_bound(sealing);
    const auto& [generation, key] = *(beyond == keys_.begin() ? beyond : std::prev(beyond));
    return {generation, key};
}

std::vector<std::uint32_t> DerivedKeys::generations() const {
    std::vector<std::uint32_t> generations;
    const std::lock_guard lock(mutex_);
    for (const auto& entry : keys_) generations.push_back(entry.first);
    return generations;
}

std::vector<SharedKey> DerivedKeys::all() const {
    std::vector<SharedKey> keys;
    const std::lock_guard lock(mutex_);
    for (auto each = keys_.rbegin(); each != keys_.rend(); ++each) keys.push_back(each->second);
    return keys;
}

}  // namespace coffer::crypto
