#include "crypto/hsm.hpp"

#include <fmt/format.h>

#include "crypto/hsm_impl.hpp"
#include "crypto/pkcs11_error.hpp"

namespace coffer::crypto {

namespace {
constexpr std::size_t kRandomBytesMax = 65536;

Executor::Config executor_config(const HsmConfig& config) {
    return {.threads = config.profile.threads,
            .queue_capacity = config.queue_capacity,
            .breaker_failures = config.breaker_failures,
            .probe_interval = config.breaker_probe_interval};
}
}  // namespace

Hsm::Impl::Impl(const HsmConfig& config, const std::shared_ptr<HsmObserver>& observer, Hsm& hsm)
    : token_(std::make_unique<Token>(config)),
      executor_(std::make_unique<Executor>(executor_config(config), *token_, observer)),
      envelope_(hsm),
      seals_(hsm),
      audit_key_(hsm),
      rewrapper_(hsm),
      key_changes_(hsm) {}

Hsm::Impl::~Impl() {
    close();
}

void Hsm::Impl::close() {
    token_->close_signers();
    executor_->close();
    token_->close();
}

std::unique_ptr<Hsm> Hsm::open(HsmConfig config, std::shared_ptr<HsmObserver> observer) {
    return std::unique_ptr<Hsm>(new Hsm(config, observer));
}

Hsm::Hsm(const HsmConfig& config, const std::shared_ptr<HsmObserver>& observer)
    : impl_(std::make_unique<Impl>(config, observer, *this)) {}

Hsm::~Hsm() = default;

Envelope& Hsm::envelope() noexcept {
    return impl_->envelope();
}

Seals& Hsm::seals() noexcept {
    return impl_->seals();
}

AuditKey& Hsm::audit_key() noexcept {
    return impl_->audit_key();
}

Rewrapper& Hsm::rewrapper() noexcept {
    return impl_->rewrapper();
}

KeyChanges& Hsm::key_changes() noexcept {
    return impl_->key_changes();
}

void Hsm::random(std::size_t size, JobOptions options, Completion<SecretBytes> completion) {
    if (size > kRandomBytesMax) {
        return completion(std::make_exception_ptr(
            Error(fmt::format("{} random bytes were asked for; the limit is {}", size, kRandomBytesMax))));
    }
    impl_->submit<SecretBytes>(options, std::move(completion), [size](HsmContext& context) {
        SecretBytes out(size);
        const auto& session = context.session();
        if (size > 0) {
            check("C_GenerateRandom",
                  session.functions().C_GenerateRandom(session.handle(), out.writable().data(), size));
        }
        return out;
    });
}

std::vector<MasterKeyInfo> Hsm::master_keys() const {
    return impl_->token().master_keys();
}

std::optional<MasterKeyInfo> Hsm::find_master_key(std::string_view name) const {
    return impl_->token().find_master_key(name);
}

std::optional<MasterKeyInfo> Hsm::find_master_key(MasterKeyId id) const {
    return impl_->token().find_master_key(id);
}

HsmStatus Hsm::status() const {
    const auto executor = impl_->executor().status();
    const auto token = impl_->token().info();
    return {.ready = executor.ready,
            .reason = executor.reason,
            .token_label = token.label,
            .token_serial = token.serial,
            .token_model = token.model,
            .epoch = executor.epoch,
            .queued = executor.queued,
            .data_keys_cached = impl_->token().data_keys().size(),
            .master_keys_copied = impl_->token().master_keys_copied()};
}

void Hsm::close() {
    impl_->close();
}

}  // namespace coffer::crypto
