#include "hsm-config/coffer_hsm/probe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "crypto/anchor_session.hpp"
#include "crypto/key_ring.hpp"
#include "crypto/module_configuration.hpp"
#include "crypto/pkcs11_error.hpp"
#include "hsm-config/coffer_hsm/pin_input.hpp"
#include "hsm-config/coffer_hsm/probe_crypto.hpp"
#include "hsm-config/coffer_hsm/probe_key_wrap.hpp"
#include "hsm-config/coffer_hsm/probe_keys.hpp"
#include "hsm-config/coffer_hsm/probe_rates.hpp"
#include "hsm-config/coffer_hsm/probe_rights.hpp"
#include "hsm-config/coffer_hsm/profile_text.hpp"

namespace coffer::hsm_config {
namespace {

/// A step failed and the rest cannot be done.
class Stop {};

Verdict ok(std::string detail) {
    return {.result = StepResult::ok, .detail = std::move(detail), .advice = {}};
}

Verdict note(std::string detail, std::string advice) {
    return {.result = StepResult::note, .detail = std::move(detail), .advice = std::move(advice)};
}

class Probe {
public:
    Probe(const CheckOptions& options, Findings& findings)
        : options_(options),
          findings_(findings),
          uri_(crypto::TokenUri::parse(options.token.token_uri)),
          pin_(options.token.pin_file) {
        findings_.profile = profile_of(options.token);
    }

    void run() {
        open_module();
        find_token();
        need("mechanisms", "",
             [&] { return probe_mechanisms(*module_, slot(), findings_.profile.key_wrap); });
        log_in();
        const auto& session = login_->session();
        need("random", "the token's generator does not work", [&] { return probe_random(session); });
        find_keys();
        probe_crypto();
        probe_rights();
        probe_capacity();
        findings_.mechanisms = {"payloads: CKM_AES_GCM, 128-bit tag",
                                "data keys: " + crypto::to_text(findings_.profile.key_wrap),
                                "seals: CKM_SHA256_HMAC", "audit checkpoints: CKM_ECDSA on P-256"};
    }

private:
    using Work = std::function<Verdict()>;

    /// Does a step; what it throws becomes its verdict. Whether it did not fail.
    bool try_step(std::string name, std::string advice, const Work& work) {
        Verdict verdict;
        try {
            verdict = work();
        } catch (const Error& error) {
            verdict = {.result = StepResult::failed, .detail = error.what(), .advice = std::move(advice)};
        }
        findings_.steps.push_back({std::move(name), verdict});
        return verdict.result != StepResult::failed;
    }
    /// The same for a step that the others rest on.
    void need(std::string name, std::string advice, const Work& work) {
        if (!try_step(std::move(name), std::move(advice), work)) throw Stop{};
    }

    [[nodiscard]] crypto::SlotId slot() const { return findings_.token->slot; }

    void open_module() {
        try {
            module_ = load_module(options_.token, findings_.profile);
        } catch (const crypto::Pkcs11Error& error) {
            findings_.steps.push_back({"load", ok(options_.token.module.string())});
            need("initialize", crypto::initialize_advice(options_.token.module, options_.token.token_dir),
                 [&]() -> Verdict { throw error; });
        } catch (const Error& error) {
            need("load",
                 "give the path of the vendor's PKCS#11 library (a .so of this machine's architecture)",
                 [&]() -> Verdict { throw error; });
        }
        findings_.steps.push_back({"load", ok(options_.token.module.string())});
        need("initialize", "the module does not answer C_GetInfo", [&] {
            CK_INFO info{};
            crypto::check("C_GetInfo", module_->functions().C_GetInfo(&info));
            return ok(fmt::format("PKCS#11 {}.{}", static_cast<unsigned>(info.cryptokiVersion.major),
                                  static_cast<unsigned>(info.cryptokiVersion.minor)));
        });
    }

    void find_token() {
        // SoftHSM2 leaves out tokens whose files it cannot open.
        need("find token",
             crypto::file_problem(options_.token.module, options_.token.token_dir)
                 .value_or("coffer-hsm list shows the module's tokens; is the network or the service of the "
                           "HSM up?"),
             [&] {
                 findings_.token = crypto::find_token(*module_, uri_);
                 return ok(fmt::format("\"{}\", serial {}, {}", findings_.token->label,
                                       findings_.token->serial, findings_.token->model));
             });
    }

    void log_in() {
        need("login", "check the PIN file; a token locks after a few wrong PINs, so only one was tried", [&] {
            // Read-write, because a probe without Coffer's keys makes a temporary one in the token.
            login_.emplace(crypto::AnchorSession::open(*module_, slot(), pin_.source(), pin_guard_,
                                                       crypto::SessionMode::read_write));
            return ok("user");
        });
    }

    void find_keys() {
        const auto& session = login_->session();
        try_step("Coffer's keys", "coffer-hsm list shows what is there", [&] {
            const auto keys = crypto::find_keys(session);
            for (const auto& key : keys.master_keys) {
                master_key_ = key.handle;
            }
            if (std::ranges::all_of(keys.master_keys, &crypto::FoundMasterKey::trusted))
                trusted_key_ = master_key_;
            if (keys.master_keys.empty() || keys.seal_keys.empty() || keys.audit_key() == nullptr) {
                return note(
                    fmt::format("{} master keys, {} seal keys, {} audit key", keys.master_keys.size(),
                                keys.seal_keys.size(), keys.audit_key() != nullptr ? 1 : 0),
                    "for a new installation coffer-hsm init makes what is missing; where a database holds "
                    "secrets already, it is the wrong token or its keys were lost: restore its backup");
            }
            return ok(fmt::format("{} master key generations, seal key, audit key", keys.master_keys.size()));
        });
        need("make a key", "the token must let the user make AES keys as session and token objects", [&] {
            session_key_.emplace(session, make_wrapping_key(session, false));
            if (master_key_) return ok("as session object; as token object there are Coffer's own");
            temporary_.emplace(session, make_wrapping_key(session, true));
            master_key_ = temporary_->get();
            return ok("as session object, and as token object for the time of this check");
        });
    }

    /// A key that wraps, in the way that was found.
    [[nodiscard]] WrappingKey wrapping(CK_OBJECT_HANDLE key) const {
        return {.handle = key, .way = findings_.profile.key_wrap};
    }

    void probe_crypto() {
        const auto& session = login_->session();
        need("key wrap", "the token's AES Key Wrap (RFC 3394, without padding) is not what the daemon needs",
             [&] {
                 const auto mechanisms = key_wrap_mechanisms(*module_, slot(), findings_.profile.key_wrap);
                 findings_.profile.key_wrap = find_key_wrap(session, session_key_->get(), mechanisms);
                 return describe(findings_.profile.key_wrap);
             });
        const auto key = wrapping(session_key_->get());
        need("IV mode", "docs/tokens.md has the three modes that are known", [&] {
            iv_ = find_iv_mode(session, key);
            findings_.profile.iv_mode = iv_.mode;
            return describe(iv_);
        });
        need("wrap", "the token's AES Key Wrap is not what the daemon needs",
             [&] { return probe_wrap(session, key, iv_); });
        need("tampering", "the token does not protect what it encrypts",
             [&] { return probe_tampering(session, key, iv_); });
        need("call length", "the token cannot encrypt in one call", [&] {
            const auto length = find_call_length(session, key, iv_);
            findings_.profile.max_call_bytes = length;
            if (length == 65536) return ok("65536 bytes or more");
            return ok(fmt::format("{} bytes; longer payloads are cut into segments", length));
        });
        try_step("seals", "the token's HMAC is not what the daemon needs",
                 [&] { return probe_hmac(session); });
        try_step("signatures", "audit checkpoints cannot be signed in this token",
                 [&] { return probe_ecdsa(session); });
    }

    void probe_rights() {
        const auto& session = login_->session();
        try_step("secrecy", "do not use this token",
                 [&] { return probe_secrecy(session, wrapping(session_key_->get())); });
        try_step("templates", "", [&] { return probe_templates(session, wrapping(session_key_->get())); });
        try_step("trusted wrapping", "", [&] {
            const auto trusted = trusted_key_ ? std::optional(wrapping(*trusted_key_)) : std::nullopt;
            const auto finding = find_trust(session, wrapping(session_key_->get()), trusted);
            findings_.profile.wrap_with_trusted = finding.usable;
            return describe(finding);
        });
        try_step("copy", "", [&] {
            const bool copies =
                can_copy(session, wrapping(*master_key_), findings_.profile.wrap_with_trusted);
            findings_.profile.copy_master_keys = copies;
            if (copies)
                return ok("a master key can be copied to a session object, sensitive and not extractable");
            return note("a master key cannot be copied to a session object",
                        "none needed; some tokens are slower without");
        });
    }

    void probe_capacity() {
        const auto& session = login_->session();
        std::size_t sessions = 1;
        try_step("sessions", "the token gives no session besides that of the login", [&] {
            sessions = count_sessions(*module_, slot(), options_.sessions_max);
            if (sessions == 0) throw Error("no second session can be opened");
            return ok(fmt::format("{} beside that of the login{}", sessions,
                                  sessions == options_.sessions_max ? " (no more were tried)" : ""));
        });
        try_step("key handles", "the token has no room for unwrapped data keys", [&] {
            const auto wanted = std::max<std::size_t>(findings_.profile.data_key_handles, 1);
            const auto handles = count_key_handles(session, wrapping(session_key_->get()), wanted);
            if (handles == 0) throw Error("no data key can be unwrapped");
            if (handles >= wanted)
                return ok(fmt::format("{} unwrapped data keys at once (no more were tried)", handles));
            // Half, so that requests that do not hit the cache find room as well.
            findings_.profile.data_key_handles = handles / 2;
            return note(fmt::format("{} unwrapped data keys at once", handles),
                        "the profile keeps half of that");
        });
        if (options_.rate_time.count() == 0) return;
        const RateOptions rates{
            .token_key = wrapping(*master_key_),
            .session_key = wrapping(session_key_->get()),
            .iv = iv_,
            .payload_bytes = std::min<std::size_t>(1024, findings_.profile.max_call_bytes),
            .time = options_.rate_time};
        try_step("rates", "", [&] {
            findings_.rates = measure_rates(session, rates);
            return ok("measured, one session");
        });
        try_step("threads", "", [&] {
            const auto by_threads = measure_threads(*module_, slot(), rates, sessions);
            findings_.profile.threads = best_thread_count(by_threads);
            findings_.rates.insert(findings_.rates.end(), by_threads.begin(), by_threads.end());
            return ok(fmt::format("{} of up to {} are worth using", findings_.profile.threads,
                                  by_threads.back().threads));
        });
    }

    const CheckOptions& options_;
    Findings& findings_;
    crypto::TokenUri uri_;
    PinInput pin_;
    crypto::PinGuard pin_guard_;
    std::unique_ptr<crypto::Module> module_;
    std::optional<crypto::AnchorSession> login_;
    std::optional<CK_OBJECT_HANDLE> master_key_;   ///< a token object
    std::optional<CK_OBJECT_HANDLE> trusted_key_;  ///< a master key, when all are CKA_TRUSTED
    std::optional<crypto::ObjectGuard> session_key_;
    std::optional<crypto::ObjectGuard> temporary_;
    IvFinding iv_;
};

}  // namespace

bool Findings::usable() const {
    return std::ranges::none_of(steps,
                                [](const Step& step) { return step.verdict.result == StepResult::failed; });
}

Findings run_probe(const CheckOptions& options) {
    Findings findings;
    Probe probe(options, findings);
    try {
        probe.run();
    } catch (const Stop&) {
        // The last step says why.
    }
    if (!options.profile_name.empty()) {
        findings.profile.name = options.profile_name;
    } else if (options.token.profile.empty() && findings.token) {
        findings.profile.name = findings.token->model.empty() ? findings.token->label : findings.token->model;
    }
    return findings;
}

}  // namespace coffer::hsm_config
