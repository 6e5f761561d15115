#include "crypto/seals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <future>
#include <iterator>
#include <memory>

#include "crypto/canary.hpp"
#include "crypto/hsm_impl.hpp"
#include "crypto/key_names.hpp"
#include "crypto/seal_form.hpp"

namespace coffer::crypto {

namespace {

/// Between two looks for a generation that the token does not hold.
constexpr std::chrono::seconds kFirstPause{1};
constexpr std::chrono::seconds kLongestPause{60};

/// The newest of `held` up to `allowed`, else the oldest.
std::uint32_t generation_to_seal(const std::vector<std::uint32_t>& held, std::uint32_t allowed) {
    const auto beyond = std::ranges::upper_bound(held, allowed);
    return beyond == held.begin() ? held.front() : *std::prev(beyond);
}

Bytes make_seal(HsmContext& context, std::uint32_t allowed, ByteView message) {
    const auto generation = generation_to_seal(context.ring().seal_generations(), allowed);
    std::array<std::uint8_t, kMacBytes> mac{};
    compute_seal(context.session(), context.ring().seal_key(generation).value(), message, mac);
    return encode_seal(generation, mac);
}

bool matches(HsmContext& context, const SealedMessage& sealed) {
    const auto parts = parse_seal(sealed.seal);
    const auto key = parts ? context.ring().seal_key(parts->generation) : std::nullopt;
    if (!key) return false;
    std::array<std::uint8_t, kMacBytes> mac{};
    compute_seal(context.session(), *key, sealed.message, mac);
    return constant_time_equal(mac, parts->mac);
}

/// `work` of each of `items`, in their order, a chunk after another in the token's threads.
template <class Result, class Item, class Work>
std::vector<Result> for_all(Hsm& hsm, std::vector<Item> items, JobOptions options, Work work) {
    // Short enough that a read waits little behind one chunk; several, so that all sessions share the work.
    constexpr std::size_t kChunk = 16;
    using Results = std::vector<Result>;
    std::vector<std::future<Outcome<Results>>> futures;
    for (std::size_t done = 0; done < items.size(); done += kChunk) {
        const auto begin = items.begin() + static_cast<std::ptrdiff_t>(done);
        const auto count = static_cast<std::ptrdiff_t>(std::min(kChunk, items.size() - done));
        std::vector<Item> chunk(std::make_move_iterator(begin), std::make_move_iterator(begin + count));
        const auto promise = std::make_shared<std::promise<Outcome<Results>>>();
        futures.push_back(promise->get_future());
        hsm.impl().submit<Results>(options, Completion<Results>([promise](Outcome<Results> results) {
                                       promise->set_value(std::move(results));
                                   }),
                                   [chunk = std::move(chunk), work](HsmContext& context) {
                                       Results results;
                                       results.reserve(chunk.size());
                                       for (const auto& item : chunk) results.push_back(work(context, item));
                                       return results;
                                   });
    }
    Results all;
    all.reserve(items.size());
    for (auto& future : futures) {
        for (auto&& result : future.get().take()) all.push_back(std::move(result));
    }
    return all;
}

}  // namespace

void Seals::make(Bytes message, JobOptions options, Completion<Bytes> completion) {
    hsm_.impl().submit<Bytes>(options, std::move(completion),
                              [message = std::move(message), allowed = sealing_.load()](HsmContext& context) {
                                  return make_seal(context, allowed, message);
                              });
}

Bytes Seals::make(Bytes message, JobOptions options) {
    return wait_for<Bytes>(
        [&](Completion<Bytes> completion) { make(std::move(message), options, std::move(completion)); });
}

std::vector<Bytes> Seals::make_all(std::vector<Bytes> messages, JobOptions options) {
    return for_all<Bytes>(hsm_, std::move(messages), options,
                          [allowed = sealing_.load()](HsmContext& context, const Bytes& message) {
                              return make_seal(context, allowed, message);
                          });
}

bool Seals::check(Bytes message, ByteView seal, JobOptions options) {
    std::vector<SealedMessage> sealed;
    sealed.push_back({std::move(message), Bytes(seal.begin(), seal.end())});
    return check_all(std::move(sealed), options).front();
}

std::vector<bool> Seals::check_all(std::vector<SealedMessage> sealed, JobOptions options) {
    look_for(sealed, options);
    // Not bool: a vector of those hands out no references.
    const auto good =
        for_all<char>(hsm_, std::move(sealed), options, [](HsmContext& context, const SealedMessage& each) {
            return static_cast<char>(matches(context, each));
        });
    return {good.begin(), good.end()};
}

/// Another node may have made the generation that a seal names.
void Seals::look_for(const std::vector<SealedMessage>& sealed, JobOptions options) {
    const auto newest = generations().back();
    const auto latest = std::max(newest, told_.load()) + 1;
    std::uint32_t wanted = 0;
    for (const auto& each : sealed) {
        const auto parts = parse_seal(each.seal);
        if (parts && parts->generation <= latest) wanted = std::max(wanted, parts->generation);
    }
    if (wanted > newest) look_for(wanted, options.deadline);
}

void Seals::look_for(std::uint32_t generation, Deadline deadline) {
    // Whoever comes second waits for what the first one finds.
    const std::unique_lock lock(look_mutex_, deadline);
    if (!lock) throw DeadlineExceeded("the token is busy");
    const auto now = std::chrono::steady_clock::now();
    auto& next = looks_[generation];
    if (generations().back() < generation && generation <= told_ && now >= next.due) {
        next.pause = std::clamp(next.pause * 2, kFirstPause, kLongestPause);
        next.due = now + next.pause;
        hsm_.key_changes().refresh(deadline);
    }
    if (generations().back() >= generation) {
        looks_.clear();
        return;
    }
    throw Unavailable(fmt::format("the token lacks generation {} of the seal key", generation));
}

void Seals::told(std::uint32_t generation) noexcept {
    auto present = told_.load();
    while (present < generation && !told_.compare_exchange_weak(present, generation)) {
    }
}

std::vector<std::uint32_t> Seals::generations() const {
    return hsm_.impl().token().seal_generations();
}

std::uint32_t Seals::sealing_generation() const {
    return generation_to_seal(generations(), sealing_);
}

void Seals::seal_under(std::uint32_t generation) noexcept {
    auto present = sealing_.load();
    while (present < generation && !sealing_.compare_exchange_weak(present, generation)) {
    }
}

void Seals::derive(std::string purpose, std::uint32_t generation, JobOptions options,
                   Completion<SecretBytes> completion) {
    // No seal is ever made over this domain, so that none gives a derived key away.
    auto message = CanonicalEncoder(kDeriveDomain).text(purpose).take();
    hsm_.impl().submit<SecretBytes>(
        options, std::move(completion), [message = std::move(message), generation](HsmContext& context) {
            const auto seal_key = context.ring().seal_key(generation);
            if (!seal_key) throw Error("the token does not hold the seal key " + seal_key_label(generation));
            SecretBytes key(kMacBytes);
            hmac_sha256(context.session(), *seal_key, message, key.writable());
            return key;
        });
}

}  // namespace coffer::crypto
