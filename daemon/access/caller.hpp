#pragma once
// Who is calling, as a front door established it before any operation runs.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/access/rights.hpp"
#include "daemon/access/session.hpp"
#include "daemon/base/time.hpp"

namespace coffer::access {

/// Which of its names a certificate is known by. It is known by one: the first kind that it has, in this
/// order.
enum class NameKind : std::uint8_t { spiffe, dns, email, cn };

/// "spiffe", "dns", "email", "cn".
[[nodiscard]] constexpr std::string_view name_kind_text(NameKind kind) noexcept {
    switch (kind) {
        case NameKind::spiffe:
            return "spiffe";
        case NameKind::dns:
            return "dns";
        case NameKind::email:
            return "email";
        case NameKind::cn:
            return "cn";
    }
    return "";
}

/// The front door that a request came through.
enum class Protocol : std::uint8_t { native, aws };

/// "native", "aws": the value of coffer:Protocol.
[[nodiscard]] constexpr std::string_view protocol_text(Protocol protocol) noexcept {
    return protocol == Protocol::native ? "native" : "aws";
}

/// What a verified client certificate says of its owner.
struct CertificateIdentity {
    NameKind kind = NameKind::cn;
    /// "spiffe://bank.example/app/payments", "app-a.bank.example", "ops@bank.example", "app-a".
    std::string name;
    /// Distinguished names as RFC 2253 writes them, the most specific part first: "CN=app-a,O=Bank".
    std::string subject;
    std::string issuer;
};

/// What is known of the owner of a certificate. Kept by whoever asked, for the next time.
struct Recognition {
    /// Null: refused.
    RightsPtr rights;
    /// Who it is although it is refused, as far as that is known; null while it has rights.
    PrincipalPtr refused{};
    /// Why, for the caller to read: "no user or role has the identity ...". Empty while not refused.
    std::string refusal;
    /// The state of the directory that this was found in; 0: never asked.
    std::uint64_t generation = 0;
    /// When it has to be asked for again although the directory did not change.
    std::optional<Timestamp> expires;
    /// What a session token that was presented says; null where there was none, or none that is ours.
    SessionPtr session{};
    /// Refused because the session's time is over.
    bool expired = false;
};

/// Who the owners of certificates are. Front doors ask it for every request, so that a change of rights takes
/// effect on connections that are open. Thread-safe.
class CallerDirectory {
public:
    virtual ~CallerDirectory() = default;
    /// Brings `known`, which is about this identity, up to date. Takes no lock and looks nothing up when it
    /// is so already.
    virtual void recognise(const CertificateIdentity& identity, Recognition& known) const = 0;
    /// The same for who presents a session token over a connection with `certificate`, whose owner is
    /// `holder`. `known` is about this token and this holder. By default no token is taken.
    virtual void recognise_session(std::string_view /*token*/, const CertificateIdentity& /*certificate*/,
                                   const Recognition& /*holder*/, Recognition& known) const {
        known.rights = nullptr;
        known.refusal = "session tokens are not taken here";
    }
};

/// What is stored about a listener, on all nodes.
struct ListenerStanding {
    /// Null for none.
    PolicyPtr policy;
    /// Not empty: there is one that cannot be relied upon, so nothing may be done through the listener; why.
    std::string refusal;
};

/// Thread-safe.
class ListenerPolicies {
public:
    virtual ~ListenerPolicies() = default;
    /// That of the listener of this name. Cheap: asked for every request.
    [[nodiscard]] virtual ListenerStanding stored_listener(const std::string& name) const = 0;
};

/// What a connection is besides, for the record of what was done over it. Shared by its requests.
struct PeerFacts {
    std::string certificate_sha256;  ///< lower-case hexadecimal
    std::string user_agent;          ///< what the client calls itself
    std::string tls_version;         ///< "TLSv1.3"
    std::string tls_cipher;          ///< "TLS_AES_256_GCM_SHA384"
};

struct Caller {
    /// The certificate's name, e.g. "spiffe://bank.example/app/payments" or "app-a".
    std::string principal;
    /// Name of the listener that the request came through.
    std::string listener;
    /// The peer's address without port, as text.
    std::string source_address;
    /// Who that is here, and what it may do. Null: nobody, and `refusal` says why.
    RightsPtr rights{};
    std::string refusal{};
    /// Who it is although it has no rights (its sessions were revoked, say), as far as that is known.
    PrincipalPtr refused{};
    /// What it was recognised by; null where it was not by a certificate.
    std::shared_ptr<const CertificateIdentity> certificate{};
    /// The policy of the listener's configuration; null for none.
    PolicyPtr listener_policy{};
    std::shared_ptr<const PeerFacts> peer{};
    Protocol protocol = Protocol::native;
    /// The access key that the request came with ("AKIA...", "ASIA..."); empty where it came without.
    std::string access_key_id{};
    /// What its session token says; null for a user's own key, and for a certificate alone.
    SessionPtr session{};
    /// Without rights because that session's time is over.
    bool session_expired = false;
    /// What is stored for the listener. Found by the pipeline, whichever front door the request came through.
    ListenerStanding stored_listener{};

    /// Who that is, with rights or without; null for nobody.
    [[nodiscard]] const Principal* known_principal() const noexcept {
        return rights ? &rights->principal : refused.get();
    }
    /// What messages call it: its ARN, or what it was known by when it is nobody.
    [[nodiscard]] const std::string& shown() const noexcept {
        const auto* known = known_principal();
        return known != nullptr && !known->arn.empty() ? known->arn : principal;
    }

    /// All policies that have a say, with that of what the request is for. Refers to this object and to
    /// `resource`. There must be rights.
    [[nodiscard]] PolicySet policies(const Policy* resource) const {
        return rights->with(resource, listener_policy.get(), stored_listener.policy.get());
    }
};

}  // namespace coffer::access
