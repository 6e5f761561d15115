#include "hsm-config/coffer_hsm/probe_rates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <thread>

#include "crypto/canary.hpp"
#include "crypto/data_key.hpp"
#include "crypto/pkcs11_error.hpp"
#include "daemon/base/outcome.hpp"
#include "hsm-config/coffer_hsm/probe_keys.hpp"

namespace coffer::hsm_config {
namespace {

using crypto::ObjectGuard;
using crypto::Session;
using Clock = std::chrono::steady_clock;

/// Does `work` again and again for `time`, and once at least. Times a second.
template <class Work>
double repeat(std::chrono::milliseconds time, Work work) {
    work();  // what is done once only (caches, lazy set-up) is not to count
    std::size_t count = 0;
    const auto begin = Clock::now();
    auto now = begin;
    while (now - begin < time) {
        work();
        ++count;
        now = Clock::now();
    }
    return static_cast<double>(count) / std::chrono::duration<double>(now - begin).count();
}

Bytes wrap(const Session& session, const WrappingKey& under, CK_OBJECT_HANDLE key) {
    return crypto::wrap_data_key(session, under.way, under.handle, key);
}

CK_OBJECT_HANDLE unwrap(const Session& session, const WrappingKey& under, ByteView wrapped) {
    return crypto::unwrap_data_key(session, under.way, under.handle, wrapped);
}

void decrypt(const Session& session, CK_OBJECT_HANDLE key, const RateOptions& options,
             const StoredPayload& stored, Bytes& out) {
    static_cast<void>(
        crypto::gcm_decrypt(session, key, options.iv.iv_bytes, as_bytes(kProbeAad), stored.payload, out));
}

double open_rate(const Session& session, const WrappingKey& master, const RateOptions& options,
                 const StoredPayload& stored) {
    Bytes out(stored.payload.size());
    return repeat(options.time, [&] {
        const ObjectGuard key(session, unwrap(session, master, stored.wrapped));
        decrypt(session, key.get(), options, stored, out);
    });
}

/// One thread's part of a measurement: ready with its session and key before the clock starts.
class Decrypter {
public:
    Decrypter(const crypto::Module& module, crypto::SlotId slot, const RateOptions& options,
              const StoredPayload& stored)
        : session_(Session::open(module, slot, crypto::SessionMode::read_only)),
          key_(session_, unwrap(session_, options.session_key, stored.wrapped)),
          options_(options),
          stored_(stored),
          out_(stored.payload.size()) {}

    void run_until(Clock::time_point end) {
        outcome_ = outcome_of([&] {
            while (Clock::now() < end) {
                decrypt(session_, key_.get(), options_, stored_, out_);
                ++count_;
            }
            return Done{};
        });
    }
    /// Throws what stopped it.
    [[nodiscard]] std::size_t count() {
        static_cast<void>(outcome_.take());
        return count_;
    }

private:
    Session session_;
    ObjectGuard key_;
    const RateOptions& options_;
    const StoredPayload& stored_;
    Bytes out_;
    std::size_t count_ = 0;
    Outcome<Done> outcome_{Done{}};
};

double decrypt_rate(const crypto::Module& module, crypto::SlotId slot, const RateOptions& options,
                    const StoredPayload& stored, std::size_t threads) {
    std::deque<Decrypter> decrypters;
    while (decrypters.size() < threads) decrypters.emplace_back(module, slot, options, stored);
    const auto begin = Clock::now();
    {
        std::vector<std::jthread> running;
        for (auto& decrypter : decrypters) {
            running.emplace_back([&decrypter, end = begin + options.time] { decrypter.run_until(end); });
        }
    }
    const auto seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    std::size_t count = 0;
    for (auto& decrypter : decrypters) count += decrypter.count();
    return static_cast<double>(count) / seconds;
}

}  // namespace

std::vector<Rate> measure_rates(const Session& session, const RateOptions& options) {
    const auto stored =
        store_payload(session, options.session_key, options.iv, Bytes(options.payload_bytes, 0x5a));
    const ObjectGuard writing(session, crypto::generate_data_key(session, false));
    const ObjectGuard reading(session, unwrap(session, options.session_key, stored.wrapped));
    const ObjectGuard hmac_key(session, make_hmac_key(session));
    const Bytes plaintext(options.payload_bytes, 0x5a);
    Bytes out(stored.payload.size());
    std::array<std::uint8_t, 32> small{};

    std::vector<Rate> rates;
    const auto measure = [&](std::string what, auto work) {
        rates.push_back({.what = std::move(what), .threads = 1, .per_second = repeat(options.time, work)});
    };
    measure("random, 32 bytes", [&] {
        crypto::check("C_GenerateRandom",
                      session.functions().C_GenerateRandom(session.handle(), small.data(), small.size()));
    });
    measure("seal (HMAC of 1 KiB)", [&] { crypto::hmac_sha256(session, hmac_key.get(), plaintext, small); });
    measure(fmt::format("encrypt {} bytes", options.payload_bytes), [&] {
        out.clear();
        crypto::gcm_encrypt(session, writing.get(), options.iv.mode, options.iv.iv_bytes, as_bytes(kProbeAad),
                            plaintext, out);
    });
    out.resize(stored.payload.size());
    measure(fmt::format("decrypt {} bytes", options.payload_bytes),
            [&] { decrypt(session, reading.get(), options, stored, out); });
    measure("wrap, master key as token object",
            [&] { static_cast<void>(wrap(session, options.token_key, writing.get())); });
    measure("wrap, master key as session object",
            [&] { static_cast<void>(wrap(session, options.session_key, writing.get())); });
    rates.push_back(
        {"open (unwrap, decrypt, destroy)", 1, open_rate(session, options.session_key, options, stored)});
    measure("make (generate, wrap, destroy)", [&] {
        const ObjectGuard key(session, crypto::generate_data_key(session, false));
        static_cast<void>(wrap(session, options.session_key, key.get()));
    });
    return rates;
}

std::size_t count_sessions(const crypto::Module& module, crypto::SlotId slot, std::size_t wanted) {
    std::vector<Session> sessions;
    try {
        while (sessions.size() < wanted) {
            sessions.push_back(Session::open(module, slot, crypto::SessionMode::read_only));
        }
    } catch (const crypto::Pkcs11Error&) {
        // As many as there are.
    }
    return sessions.size();
}

std::vector<Rate> measure_threads(const crypto::Module& module, crypto::SlotId slot,
                                  const RateOptions& options, std::size_t threads_max) {
    const auto session = Session::open(module, slot, crypto::SessionMode::read_only);
    const auto stored =
        store_payload(session, options.session_key, options.iv, Bytes(options.payload_bytes, 0x5a));
    std::vector<Rate> rates;
    for (std::size_t threads = 1; threads <= threads_max; threads *= 2) {
        rates.push_back({.what = fmt::format("decrypt {} bytes", options.payload_bytes),
                         .threads = threads,
                         .per_second = decrypt_rate(module, slot, options, stored, threads)});
    }
    return rates;
}

std::size_t best_thread_count(const std::vector<Rate>& rates) {
    if (rates.empty()) return 1;
    const auto best = std::ranges::max(rates, {}, &Rate::per_second).per_second;
    return std::ranges::find_if(rates, [&](const Rate& rate) { return rate.per_second >= 0.9 * best; })
        ->threads;
}

std::size_t count_key_handles(const Session& session, const WrappingKey& wrapping_key, std::size_t wanted) {
    const ObjectGuard key(session, crypto::generate_data_key(session, false));
    const auto wrapped = wrap(session, wrapping_key, key.get());
    std::deque<ObjectGuard> handles;
    try {
        while (handles.size() < wanted) {
            handles.emplace_back(session, unwrap(session, wrapping_key, wrapped));
        }
    } catch (const crypto::Pkcs11Error&) {
        // As many as there is room for.
    }
    return handles.size();
}

}  // namespace coffer::hsm_config
