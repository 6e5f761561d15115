#include "crypto/token.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

#include "crypto/key_factory.hpp"
#include "crypto/mechanisms.hpp"
#include "crypto/module_configuration.hpp"
#include "crypto/objects.hpp"
#include "crypto/pkcs11_error.hpp"

namespace coffer::crypto {

namespace {

/// Runs one step of the start and names it in the error.
template <class Work>
auto step(std::string_view what, std::string_view advice, Work work) {
    try {
        return work();
    } catch (const PinRefused&) {
        throw;
    } catch (const KeysMissing&) {
        throw;
    } catch (const Pkcs11Error& e) {
        throw Error(fmt::format("{} failed: {}; {}", what, e.what(), advice));
    } catch (const Error& e) {
        throw Error(fmt::format("{} failed: {}", what, e.what()));
    }
}

/// SoftHSM2 leaves out tokens whose files it cannot open.
TokenInfo find_token_or_explain(const Module& module, std::span<const TokenUri> uris,
                                const HsmConfig& config) {
    try {
        return find_token(module, uris);
    } catch (const Pkcs11Error&) {
        throw;
    } catch (const Error& error) {
        const auto problem = file_problem(config.module, config.token_dir);
        if (!problem) throw;
        throw Error(fmt::format("{}; {}", error.what(), *problem));
    }
}

}  // namespace

Token::Token(const HsmConfig& config)
    : profile_(config.profile),
      pin_(config.pin),
      uris_(parse_token_uris(config.token_uris)),
      signs_checkpoints_(config.signs_checkpoints),
      signing_patience_(config.signing_patience),
      data_keys_(config.profile.data_key_handles) {
    module_ = step("initializing the PKCS#11 module", initialize_advice(config.module, config.token_dir),
                   [&] { return Module::load(config.module, config.module_arguments()); });
    info_ = step("finding the token", "check the token's URI",
                 [&] { return find_token_or_explain(*module_, uris_, config); });
    step("checking the token's mechanisms", "the token cannot be used", [&] { require_mechanisms(); });
    auto anchor = step("logging in to the token", "check the token's state with the vendor's tool",
                       [&] { return AnchorSession::open(*module_, info_.slot, pin_, pin_guard_); });
    step("proving the token's keys and mechanisms", "run coffer-hsm check", [&] {
        come_alive(std::move(anchor));
        live_->canary().require_tamper_detection(live_->session(0), live_->ring());
    });
}

Token::~Token() {
    close();
}

void Token::close() noexcept {
    close_signers();
    go_stale();
    const auto nobody_else = gate_.exclusive();
    leave_libp11();
    module_.reset();
}

void Token::require_mechanisms() const {
    std::vector<MechanismUser> users{MechanismUser::daemon};
    if (signs_checkpoints_) users.push_back(MechanismUser::audit);
    const auto token = info();
    auto missing = missing_mechanisms(*module_, token.slot, users);
    if (!has_mechanism(*module_, token.slot, profile_.key_wrap.mechanism, CKF_WRAP | CKF_UNWRAP)) {
        missing.push_back(fmt::format(
            "{} for wrapping data keys (coffer-hsm check finds its number, for key_wrap_mechanism in the "
            "profile)",
            to_text(profile_.key_wrap)));
    }
    if (missing.empty()) return;
    throw Error(fmt::format("token \"{}\" has no {}; {}", token.label, fmt::join(missing, "; no "),
                            kMissingMechanismAdvice));
}

void Token::require_signing(const SigningMechanism& needed, std::string_view what) {
    const auto lock = lock_module();
    if (!module_) throw Unavailable("the token is closed");
    const auto token = info();
    if (has_mechanism(*module_, token.slot, needed.type, CKF_SIGN)) return;
    throw Error(fmt::format("token \"{}\" has no {} ({:#x}) for signing {}; {}", token.label, needed.name,
                            needed.type, what, kMissingMechanismAdvice));
}

void Token::come_alive(AnchorSession anchor) {
    live_.emplace(*module_, info_.slot, std::move(anchor), profile_);
    for (std::size_t i = 0; i < profile_.threads; ++i) {
        contexts_.emplace_back(live_->session(i), *live_, data_keys_, profile_);
    }
    publish_keys();
}

void Token::publish_keys() {
    const std::lock_guard lock(published_mutex_);
    infos_ = live_->ring().infos();
    refs_ = live_->ring().refs();
    seal_generations_ = live_->ring().seal_generations();
    audit_keys_ = live_->ring().audit_keys();
    copied_ = live_->ring().copied();
}

LiveToken& Token::require_live() {
    if (!live_) throw Unavailable("the token cannot be used now: it is being opened again");
    return *live_;
}

Session Token::writing_session() const {
    return Session::open(*module_, info_.slot, SessionMode::read_write);
}

void Token::refresh_keys() {
    require_live().refresh_keys(profile_);
    publish_keys();
    data_keys_.keep_only(generations());
}

template <class Change>
void Token::change_keys(const Change& change) {
    static_cast<void>(require_live());
    const auto session = writing_session();
    change(session);
    refresh_keys();
}

namespace {
/// Whoever is logged in as the user cannot mark a key as trusted, and without that it could not be used.
void refuse_where_trust_is_needed(const Profile& profile) {
    if (!profile.wrap_with_trusted) return;
    throw Error(
        "the profile has wrap_with_trusted, and only the token's security officer can mark a master key as "
        "CKA_TRUSTED: make the generation with the vendor's tool, have it marked, and try again; it is then "
        "taken over");
}
}  // namespace

MasterKeyRef Token::make_master_key(std::string_view name) {
    static_cast<void>(require_live());
    refuse_where_trust_is_needed(profile_);
    const auto session = writing_session();
    const auto made = KeyFactory(session).make_master_key(name);
    refresh_keys();
    return made;
}

void Token::make_generation(std::string_view name, const MasterKeyRef& ref) {
    static_cast<void>(require_live());
    refuse_where_trust_is_needed(profile_);
    const auto session = writing_session();
    KeyFactory(session).make_generation(name, ref);
    refresh_keys();
}

void Token::destroy_generation(const MasterKeyRef& ref) {
    change_keys([&](const Session& session) { destroy_master_key(session, ref); });
}

void Token::make_seal_generation(std::uint32_t generation) {
    change_keys([&](const Session& session) { KeyFactory(session).make_seal_generation(generation); });
}

void Token::destroy_seal_generation(std::uint32_t generation) {
    change_keys([&](const Session& session) { destroy_seal_key(session, generation); });
}

void Token::make_audit_generation(std::uint32_t generation) {
    change_keys([&](const Session& session) { KeyFactory(session).make_audit_generation(generation); });
}

void Token::destroy_audit_generation(std::uint32_t generation) {
    change_keys([&](const Session& session) { destroy_audit_key(session, generation); });
}

void Token::go_stale() noexcept {
    contexts_.clear();
    live_.reset();
    data_keys_.reset();
}

/// Only when our own sessions are gone: libp11 closes all there are.
void Token::leave_libp11() noexcept {
    {
        const std::lock_guard lock(signers_mutex_);
        for (const auto& signer : signers_) signer->drop();
    }
    libp11_keys_.release();
}

EvpPkeyPtr Token::libp11_key(const TokenUri& key) {
    if (!module_) throw Unavailable("the token is closed");
    return libp11_keys_.find(*module_, info().slot, key);
}

std::shared_ptr<TokenSigner> Token::signer(Executor& executor, TokenUri key) {
    const std::lock_guard lock(signers_mutex_);
    for (const auto& signer : signers_) {
        if (signer->uri().text() == key.text()) return signer;
    }
    return signers_.emplace_back(
        std::make_shared<TokenSigner>(*this, executor, std::move(key), signing_patience_));
}

void Token::close_signers() noexcept {
    std::vector<std::shared_ptr<TokenSigner>> signers;
    {
        const std::lock_guard lock(signers_mutex_);
        signers.swap(signers_);
    }
    // Without the mutex: a signature under way may wait for a recovery, which wants it.
    for (const auto& signer : signers) signer->close();
}

void Token::probe(std::size_t worker) {
    const Session& session = live_->session(worker);
    if (!session.user_logged_in()) throw Pkcs11Error("C_GetSessionInfo", CKR_USER_NOT_LOGGED_IN);
    live_->canary().open(session, live_->ring());
}

void Token::rebuild(RecoveryGrade grade) {
    if (grade == RecoveryGrade::session && live_) {
        // The login hangs on there being a session: the old anchor goes when the new one stands.
        const AnchorSession old = std::move(*live_).release_anchor();
        go_stale();
        come_alive(AnchorSession::adopt(*module_, info_.slot));
        return;
    }
    go_stale();
    {
        const auto nobody_else = gate_.exclusive();
        leave_libp11();
        if (grade == RecoveryGrade::module) module_->reinitialize();
    }
    const TokenInfo found = find_token(*module_, uris_);
    {
        const std::lock_guard lock(published_mutex_);
        info_ = found;
    }
    require_mechanisms();  // another token of the list may have come in
    come_alive(AnchorSession::open(*module_, found.slot, pin_, pin_guard_));
}

void Token::tidy(std::size_t worker) noexcept {
    if (!data_keys_.has_doomed()) return;
    const Session& session = live_->session(worker);
    for (const auto key : data_keys_.take_doomed()) {
        // A handle that is gone already is as good as destroyed; a broken session shows in the next job.
        session.functions().C_DestroyObject(session.handle(), key);
    }
}

TokenInfo Token::info() const {
    const std::lock_guard lock(published_mutex_);
    return info_;
}

std::vector<MasterKeyInfo> Token::master_keys() const {
    const std::lock_guard lock(published_mutex_);
    return infos_;
}

std::optional<MasterKeyInfo> Token::find_master_key(std::string_view name) const {
    const std::lock_guard lock(published_mutex_);
    const auto found = std::ranges::find(infos_, name, &MasterKeyInfo::name);
    return found == infos_.end() ? std::nullopt : std::optional(*found);
}

std::optional<MasterKeyInfo> Token::find_master_key(MasterKeyId id) const {
    const std::lock_guard lock(published_mutex_);
    const auto found = std::ranges::find(infos_, id, &MasterKeyInfo::id);
    return found == infos_.end() ? std::nullopt : std::optional(*found);
}

std::vector<MasterKeyRef> Token::generations() const {
    const std::lock_guard lock(published_mutex_);
    return refs_;
}

bool Token::holds(const MasterKeyRef& ref) const {
    const std::lock_guard lock(published_mutex_);
    return std::ranges::find(refs_, ref) != refs_.end();
}

std::vector<std::uint32_t> Token::seal_generations() const {
    const std::lock_guard lock(published_mutex_);
    return seal_generations_;
}

std::vector<AuditKeyInfo> Token::audit_keys() const {
    const std::lock_guard lock(published_mutex_);
    return audit_keys_;
}

bool Token::master_keys_copied() const {
    const std::lock_guard lock(published_mutex_);
    return copied_;
}

}  // namespace coffer::crypto
