#include "daemon/sts/callers.hpp"

#include "daemon/base/await.hpp"
#include "daemon/iam/suspension.hpp"
#include "daemon/sts/session_origin.hpp"

namespace coffer::sts {

using access::Recognition;
using boost::asio::awaitable;
using iam::Credential;
using iam::CredentialFault;
using iam::CredentialState;

namespace {

bool is_current(const Recognition& known, std::uint64_t generation, Timestamp now) {
    return known.generation == generation && (!known.expires || now < *known.expires);
}

/// Whether the session was begun by the certificate's owner, whom a web identity's session need not know.
bool may_present(const access::Session& session, const access::CertificateIdentity& certificate,
                 const Recognition& holder) {
    // Of users alone: an id that a role's certificate gives has a name in it that another certificate may
    // have as well.
    const bool user = holder.rights && holder.rights->principal.type == access::PrincipalType::user;
    if (user && holder.rights->principal.id == session.origin) return true;
    return session.origin == certificate_origin(certificate);
}

CredentialFault fault_of(const std::optional<iam::Directory::KeyOwner>& owner, Timestamp now) {
    if (!owner) return CredentialFault::no_such_key;
    if (!owner->key->active) return CredentialFault::inactive_key;
    return iam::suspension_of(*owner->user, now).empty() ? CredentialFault::none
                                                         : CredentialFault::suspended_user;
}

std::shared_ptr<const crypto::SecretBytes> share(crypto::SecretBytes secret) {
    return std::make_shared<const crypto::SecretBytes>(std::move(secret));
}

}  // namespace

void Callers::recognise_session(std::string_view token, const access::CertificateIdentity& certificate,
                                const Recognition& holder, Recognition& known) const {
    const auto generation = parts_.keeper.generation();
    const auto now = parts_.clock.now();
    if (!is_current(known, generation, now)) {
        auto session = known.session;  // opened before
        if (!session) {
            if (const auto opened = parts_.tokens.open(token)) session = opened->session;
        }
        if (session) {
            known = parts_.keeper.directory()->session(session, now);
        } else {
            known = {};
            known.refusal = "its session token is none of Coffer's";
        }
        known.generation = generation;
    }
    // A token alone is worth nothing here: without a signature, the certificate shows whose it is.
    if (known.rights && !may_present(*known.session, certificate, holder)) {
        const bool stranger = !holder.rights && known.session->federated_provider.empty();
        known.rights = nullptr;
        known.refused = nullptr;  // the certificate's owner is not the session's
        known.expires.reset();
        known.refusal = stranger ? holder.refusal : "its session token is for another certificate's owner";
    }
}

std::shared_ptr<const Callers::KnownSession> Callers::fresh_session(const std::string& token) const {
    auto opened = parts_.tokens.open(token);
    if (!opened) return nullptr;
    KnownSession known;
    known.token = token;
    known.secret = share(std::move(opened->secret_access_key));
    known.recognition.session = std::move(opened->session);
    return std::make_shared<const KnownSession>(std::move(known));
}

std::shared_ptr<const Callers::KnownSession> Callers::known_session(const std::string& access_key_id,
                                                                    const std::string& token) {
    const auto generation = parts_.keeper.generation();
    const auto now = parts_.clock.now();
    auto known = sessions_.find(access_key_id);
    const bool same = known && crypto::constant_time_equal(as_bytes(known->token), as_bytes(token));
    if (same && is_current(known->recognition, generation, now)) return known;
    if (!same) known = fresh_session(token);
    if (!known || known->recognition.session->access_key_id != access_key_id) return nullptr;
    auto renewed = *known;
    renewed.recognition = parts_.keeper.directory()->session(known->recognition.session, now);
    renewed.recognition.generation = generation;
    auto shared = std::make_shared<const KnownSession>(std::move(renewed));
    sessions_.put(access_key_id, shared);
    return shared;
}

Credential Callers::unknown(std::string access_key_id, CredentialFault fault, bool exists) const {
    Credential credential;
    credential.fault = fault;
    credential.exists = exists;
    credential.secret = share(parts_.tokens.made_up(access_key_id));
    credential.access_key_id = std::move(access_key_id);
    credential.refusal = "the access key is not known, or not active";
    return credential;
}

awaitable<Credential> Callers::find(std::string access_key_id, std::optional<std::string> session_token,
                                    Deadline deadline) {
    if (session_token) {
        const auto known = known_session(access_key_id, *session_token);
        if (!known) {
            const bool exists = parts_.keeper.directory()->find_access_key(access_key_id).has_value();
            co_return unknown(std::move(access_key_id), CredentialFault::wrong_token, exists);
        }
        const auto& found = known->recognition;
        Credential credential;
        credential.secret = known->secret;
        credential.state = found.expired ? CredentialState::expired : CredentialState::good;
        credential.access_key_id = std::move(access_key_id);
        credential.rights = found.rights;
        credential.refusal = found.refusal;
        credential.refused = found.refused;
        credential.session = found.session;
        co_return credential;
    }
    const auto directory = parts_.keeper.directory();
    const auto owner = directory->find_access_key(access_key_id);
    const auto fault = fault_of(owner, parts_.clock.now());
    if (fault != CredentialFault::none) {
        secrets_.erase(access_key_id);
        co_return unknown(std::move(access_key_id), fault, owner.has_value());
    }
    Credential credential;
    credential.secret = secrets_.find(access_key_id);
    if (!credential.secret) {
        auto start = [this, owner, deadline](Completion<crypto::SecretBytes> done) {
            // What cannot even be asked for is an outcome as well.
            try {
                parts_.secrets.open(owner->user->id, owner->key->id, owner->key->secret, deadline,
                                    std::move(done));
            } catch (...) {
                done(std::current_exception());
            }
        };
        auto secret = co_await await_completion<crypto::SecretBytes>(std::move(start));
        credential.secret = share(std::move(secret));
        secrets_.put(access_key_id, credential.secret);
    }
    const auto standing = directory->standing({iam::IamKind::user, owner->user->name});
    credential.state = CredentialState::good;
    credential.access_key_id = std::move(access_key_id);
    credential.rights = standing->rights;
    credential.refusal = standing->refusal;
    if (!credential.rights) {
        credential.refused = std::make_shared<const access::Principal>(
            directory->principal_of({iam::IamKind::user, owner->user->name}, {}));
    }
    co_return credential;
}

void Callers::used(const Credential& credential, std::string_view service, std::string_view region) {
    if (credential.state != CredentialState::good || credential.session) return;
    parts_.uses.record(credential.access_key_id, parts_.clock.now(), service, region);
}

}  // namespace coffer::sts
