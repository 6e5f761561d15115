#pragma once
// All principals at one moment, ready for use: records read, policies compiled, references followed,
// certificates indexed. What the database's seals do not vouch for is not in it, and whoever refers to such a
// thing is refused everything: a deny must not vanish with its row.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "daemon/access/caller.hpp"
#include "daemon/access/session.hpp"
#include "daemon/iam/identities.hpp"
#include "daemon/iam/records.hpp"

namespace coffer::iam {

/// A user or a role with its policies. Rights are null when it is refused everything, for the reason given.
struct Standing {
    access::RightsPtr rights;
    std::string refusal;
};

class Directory;
using DirectoryPtr = std::shared_ptr<const Directory>;

/// Immutable; thread-safe.
class Directory {
public:
    /// `account` has twelve digits. What is the same in `previous` is taken from there, and not read and
    /// compiled again.
    [[nodiscard]] static DirectoryPtr build(storage::StoredIam stored, std::string account,
                                            const Directory* previous = nullptr);

    /// A directory in which nobody is known, for `reason`: what is in the database cannot be believed.
    [[nodiscard]] static DirectoryPtr distrusted(std::string account, std::string reason);

    [[nodiscard]] const storage::StoredIam& stored() const noexcept { return stored_; }
    [[nodiscard]] const Records& records() const noexcept { return records_; }
    [[nodiscard]] const std::string& account() const noexcept { return account_; }

    /// Who the owner of a certificate is. One lookup by its name, and one comparison with each subject
    /// pattern. Refused: nobody has it, two principals have it (both are named), the user is disabled or
    /// expired, or the principal or something that it refers to cannot be believed. `generation` is left as
    /// it is.
    [[nodiscard]] access::Recognition recognise(const access::CertificateIdentity& certificate,
                                                Timestamp now) const;

    /// What the session that a session token tells of may do now. Refused: its time is over (`expired` is
    /// set), its user or role is gone, disabled, expired or not believed, its sessions were revoked, or one
    /// of its session policies cannot be relied upon. `refused` says
    /// whose it is then, and of one that is gone whose it was. `generation` is left as it is.
    [[nodiscard]] access::Recognition session(access::SessionPtr session, Timestamp now) const;

    /// Whose access key has that id. The pointers are valid as long as the directory.
    struct KeyOwner {
        const User* user = nullptr;
        const AccessKey* key = nullptr;
    };
    [[nodiscard]] std::optional<KeyOwner> find_access_key(std::string_view id) const;

    /// What a user, or a session of a role, may do, whoever asks. Nothing when there is no such principal.
    [[nodiscard]] std::optional<Standing> standing(const IamKey& principal) const;

    /// The user or role with that unique id; nothing: there is none that is believed.
    [[nodiscard]] std::optional<IamKey> principal_with_id(std::string_view id) const;

    /// Who a user, or a session of that name of a role, is; without tags and groups. There must be such a
    /// principal.
    [[nodiscard]] access::Principal principal_of(const IamKey& key, std::string_view session) const;

    /// A managed policy's version in force, compiled; null when there is none that is believed. ARNs of the
    /// built-in policies are known as well.
    [[nodiscard]] access::PolicyPtr managed_policy(std::string_view arn, access::DocumentKind kind) const;
    /// What is stored for the listeners of that name. Refused: a policy that is listed and not believed.
    [[nodiscard]] access::ListenerStanding stored_listener(std::string_view name) const;
    /// Whether anything is.
    [[nodiscard]] bool has_listeners() const noexcept { return !listeners_.empty(); }

    /// A role's trust policy, compiled; null when there is no such role.
    [[nodiscard]] access::PolicyPtr trust_policy(std::string_view role) const;

private:
    /// An entity of the database: its record and what its texts compile to.
    struct Entry {
        storage::StoredIamEntityPtr source;
        std::shared_ptr<const User> user;
        std::shared_ptr<const Group> group;
        std::shared_ptr<const Role> role;
        std::shared_ptr<const ManagedPolicy> policy;
        std::shared_ptr<const ListenerPolicy> listener;
        /// Inline policies; of a managed policy the version in force; that of a listener.
        std::vector<access::PolicyPtr> policies;
        access::PolicyPtr boundary;  ///< of a managed policy: the same as a boundary
        access::PolicyPtr trust;     ///< of a role
    };
    using EntryPtr = std::shared_ptr<const Entry>;

    /// Who has an identity.
    struct Claim {
        IamKey principal;
        std::optional<std::string> issuer;
    };
    struct PatternClaim {
        Claim claim;
        SubjectPattern pattern;
    };

    Directory() = default;
    [[nodiscard]] EntryPtr read_entry(const storage::StoredIamEntityPtr& source) const;
    void read_entries(const Directory* previous);
    void index(const EntryPtr& entry);
    void claim(const IamKey& principal, const std::vector<Identity>& identities);
    void claim_for_faults();
    [[nodiscard]] std::string suspension(const IamKey& principal, Timestamp now) const;
    [[nodiscard]] std::optional<Timestamp> expiry(const IamKey& principal) const;
    /// Adds the policies of a session. False, with the reason, when one cannot be relied upon.
    bool limit(const access::Session& session, access::Rights& rights, std::string& refusal) const;
    void settle();

    /// Whose session it is, or was.
    [[nodiscard]] access::PrincipalPtr owner_of(const access::Session& session) const;
    /// Finds the session's rights, or says why it has none.
    void settle_session(const access::Session& session, Timestamp now, access::Recognition& found) const;
    /// Why `key` cannot be relied upon.
    [[nodiscard]] std::string trouble_with(const IamKey& key) const;
    [[nodiscard]] const Entry* find(const IamKey& key) const;
    /// Adds the policies of `holder`. False, with the reason in `refusal`, when one cannot be relied upon.
    bool collect(const Holder& holder, const IamKey& key, std::vector<access::PolicyPtr>& into,
                 std::string& refusal) const;
    bool set_boundary(const std::optional<std::string>& arn, const IamKey& key, access::PolicyPtr& into,
                      std::string& refusal) const;
    [[nodiscard]] Standing standing_of(const User& user) const;
    [[nodiscard]] Standing standing_of(const Role& role) const;

    std::string account_;
    storage::StoredIam stored_;
    Records records_;
    std::map<IamKey, EntryPtr> entries_;
    std::map<IamKey, Standing> standings_;
    std::map<std::string, access::ListenerStanding, std::less<>> listeners_;
    std::unordered_map<std::string, std::vector<Claim>> claims_;
    std::vector<PatternClaim> patterns_;
    /// Users and roles by their unique ids, users by the ids of their access keys.
    std::unordered_map<std::string, IamKey> owners_;
    std::unordered_map<std::string, IamKey> access_keys_;
    std::string distrust_;
};

}  // namespace coffer::iam
