#include "crypto/rewrap.hpp"

#include <algorithm>
#include <future>
#include <iterator>

#include "crypto/data_key.hpp"
#include "crypto/hsm_impl.hpp"
#include "crypto/objects.hpp"
#include "crypto/payload_steps.hpp"

namespace coffer::crypto {

namespace {

CK_OBJECT_HANDLE unwrap_wrappable(const HsmContext& context, CK_OBJECT_HANDLE master, ByteView wrapped) {
    const Profile& profile = context.profile();
    return unwrap_data_key_for_wrapping(context.session(), profile.key_wrap, master, wrapped,
                                        profile.wrap_with_trusted);
}

Bytes rewrap_key(const HsmContext& context, const WrappedDataKey& key, CK_OBJECT_HANDLE to) {
    require_wrapped_length(key.wrapped_key);
    const auto from = require_wrapping_key(context, key.master_key, key.wrapped_key);
    const Session& session = context.session();
    const KeyWrap& wrap = context.profile().key_wrap;
    Bytes anew;
    {
        const ObjectGuard plain(session, blaming_data_last(context, "the wrapped data key", [&] {
                                    return unwrap_wrappable(context, from, key.wrapped_key);
                                }));
        anew = wrap_data_key(session, wrap, to, plain.get());
    }
    const ObjectGuard again(session, blaming_data_last(context, "the data key that the token wrapped anew",
                                                       [&] { return unwrap_wrappable(context, to, anew); }));
    if (wrap_data_key(session, wrap, from, again.get()) != key.wrapped_key) {
        throw IntegrityError("the token wrapped another key than the one that it unwrapped");
    }
    return anew;
}

/// What `work` returns, or in its place why this one item failed. Failures of the token pass through.
template <class Result, class Work>
Result outcome_of_item(Work work, std::string& failure) {
    try {
        return work();
    } catch (const IntegrityError& e) {
        failure = e.what();
    } catch (const UnknownMasterKey& e) {
        failure = e.what();
    }
    return {};
}

std::vector<RewrapOutcome> rewrap_keys(const HsmContext& context, const std::vector<WrappedDataKey>& keys,
                                       const MasterKeyRef& to) {
    const auto master = require_master_key(context, to);
    std::vector<RewrapOutcome> outcomes(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
        outcomes[i].wrapped_key =
            outcome_of_item<Bytes>([&] { return rewrap_key(context, keys[i], master); }, outcomes[i].failure);
    }
    return outcomes;
}

void prove_item(const HsmContext& context, const ProofItem& item) {
    require_wrapped_length(item.key.wrapped_key);
    const auto master = require_wrapping_key(context, item.key.master_key, item.key.wrapped_key);
    const Session& session = context.session();
    const ObjectGuard key(session, blaming_data_last(context, "the wrapped data key", [&] {
                              return unwrap_data_key(session, context.profile().key_wrap, master,
                                                     item.key.wrapped_key);
                          }));
    if (item.ciphertext.empty()) return;
    const auto layout = PayloadLayout::parse(item.ciphertext);
    const PayloadAad aad(item.identity, item.key.master_key.id, layout.header_bytes());
    static_cast<void>(blaming_data_last(context, "the ciphertext",
                                        [&] { return decrypt_segments(session, key.get(), layout, aad); }));
}

std::vector<std::string> prove_items(const HsmContext& context, const std::vector<ProofItem>& items) {
    std::vector<std::string> failures(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
        static_cast<void>(outcome_of_item<Done>(
            [&] {
                prove_item(context, items[i]);
                return Done{};
            },
            failures[i]));
    }
    return failures;
}

/// Cuts `items` into jobs, runs `work(context, chunk)` for each on the token's threads, and joins what they
/// return. Waits for all of them, also when one failed.
template <class Out, class In, class Work>
std::vector<Out> in_jobs(Hsm& hsm, std::vector<In> items, JobOptions options, const Work& work) {
    using Results = std::vector<Out>;
    std::vector<std::future<Outcome<Results>>> futures;
    for (std::size_t done = 0; done < items.size(); done += Rewrapper::kKeysPerJob) {
        const auto begin = items.begin() + static_cast<std::ptrdiff_t>(done);
        const auto count = static_cast<std::ptrdiff_t>(std::min(Rewrapper::kKeysPerJob, items.size() - done));
        std::vector<In> chunk(std::make_move_iterator(begin), std::make_move_iterator(begin + count));
        const auto promise = std::make_shared<std::promise<Outcome<Results>>>();
        futures.push_back(promise->get_future());
        hsm.impl().submit<Results>(
            options, Completion<Results>([promise](Outcome<Results> results) {
                promise->set_value(std::move(results));
            }),
            [work, chunk = std::move(chunk)](HsmContext& context) { return work(context, chunk); });
    }
    Results all;
    all.reserve(items.size());
    std::exception_ptr failure;
    for (auto& future : futures) {
        auto outcome = future.get();
        if (!outcome.has_value()) {
            failure = outcome.error();
            continue;
        }
        std::ranges::move(outcome.take(), std::back_inserter(all));
    }
    if (failure) std::rethrow_exception(failure);
    return all;
}

}  // namespace

std::vector<RewrapOutcome> Rewrapper::rewrap(std::vector<WrappedDataKey> keys, MasterKeyRef to,
                                             JobOptions options) {
    return in_jobs<RewrapOutcome>(hsm_, std::move(keys), options,
                                  [to](const HsmContext& context, const std::vector<WrappedDataKey>& chunk) {
                                      return rewrap_keys(context, chunk, to);
                                  });
}

std::vector<std::string> Rewrapper::prove(std::vector<ProofItem> items, JobOptions options) {
    return in_jobs<std::string>(hsm_, std::move(items), options,
                                [](const HsmContext& context, const std::vector<ProofItem>& chunk) {
                                    return prove_items(context, chunk);
                                });
}

}  // namespace coffer::crypto
