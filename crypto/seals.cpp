#include "crypto/seals.hpp"

#include <algorithm>
#include <future>
#include <iterator>
#include <memory>

#include "crypto/canary.hpp"
#include "crypto/hsm_impl.hpp"
#include "crypto/seal_form.hpp"

namespace coffer::crypto {

void Seals::make(Bytes message, JobOptions options, Completion<Bytes> completion) {
    hsm_.impl().submit<Bytes>(options, std::move(completion),
                              [message = std::move(message)](HsmContext& context) {
                                  Bytes seal(kSealBytes);
                                  compute_seal(context.session(), context.ring().seal_key(), message, seal);
                                  return seal;
                              });
}

Bytes Seals::make(Bytes message, JobOptions options) {
    return wait_for<Bytes>(
        [&](Completion<Bytes> completion) { make(std::move(message), options, std::move(completion)); });
}

std::vector<Bytes> Seals::make_all(std::vector<Bytes> messages, JobOptions options) {
    // Short enough that a read waits little behind one chunk; several, so that all sessions share the work.
    constexpr std::size_t kChunk = 16;
    using Chunk = std::vector<Bytes>;
    std::vector<std::future<Outcome<Chunk>>> futures;
    for (std::size_t done = 0; done < messages.size(); done += kChunk) {
        const auto begin = messages.begin() + static_cast<std::ptrdiff_t>(done);
        const auto count = static_cast<std::ptrdiff_t>(std::min(kChunk, messages.size() - done));
        Chunk chunk(std::make_move_iterator(begin), std::make_move_iterator(begin + count));
        const auto promise = std::make_shared<std::promise<Outcome<Chunk>>>();
        futures.push_back(promise->get_future());
        hsm_.impl().submit<Chunk>(
            options,
            Completion<Chunk>([promise](Outcome<Chunk> seals) { promise->set_value(std::move(seals)); }),
            [chunk = std::move(chunk)](HsmContext& context) {
                Chunk seals(chunk.size(), Bytes(kSealBytes));
                for (std::size_t i = 0; i < chunk.size(); ++i) {
                    compute_seal(context.session(), context.ring().seal_key(), chunk[i], seals[i]);
                }
                return seals;
            });
    }
    std::vector<Bytes> seals;
    seals.reserve(messages.size());
    for (auto& future : futures) {
        for (auto& seal : future.get().take()) seals.push_back(std::move(seal));
    }
    return seals;
}

bool Seals::check(Bytes message, ByteView seal, JobOptions options) {
    return constant_time_equal(make(std::move(message), options), seal);
}

void Seals::derive(std::string purpose, JobOptions options, Completion<SecretBytes> completion) {
    // No seal is ever made over this domain, so that none gives a derived key away.
    auto message = CanonicalEncoder(kDeriveDomain).text(purpose).take();
    hsm_.impl().submit<SecretBytes>(
        options, std::move(completion), [message = std::move(message)](HsmContext& context) {
            SecretBytes key(kSealBytes);
            hmac_sha256(context.session(), context.ring().seal_key(), message, key.writable());
            return key;
        });
}

}  // namespace coffer::crypto
