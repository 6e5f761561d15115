#include "daemon/iam/bootstrap.hpp"

#include <fmt/format.h>

#include "daemon/iam/checks.hpp"
#include "daemon/iam/directory.hpp"
#include "daemon/iam/draft.hpp"
#include "daemon/iam/identities.hpp"
#include "daemon/iam/managed_policies.hpp"
#include "daemon/iam/names.hpp"

namespace coffer::iam {

namespace {

constexpr std::size_t kMaxUserName = 64;

void require_first(const Records& records, const storage::StoredIam& stored, bool recover) {
    if (recover || (stored.listed.empty() && records.faults.empty())) return;
    throw Error(
        "there are principals already: bootstrap makes the first one only. An administrator makes others: "
        "coffer iam "
        "create-user, add-user-identity, attach-user-policy. If no administrator is left, run bootstrap with "
        "--recover "
        "and a new --name");
}

User administrator(const std::string& name, const Identity& identity, Timestamp now) {
    User user;
    user.name = name;
    user.id = make_unique_id(IamKind::user);
    user.created = now;
    user.attached = {std::string(kAdministratorAccess)};
    user.identities = {identity};
    return user;
}

}  // namespace

std::string bootstrap(storage::Database& database, const std::string& account, const std::string& name,
                      const Identity& identity, bool recover, Timestamp now,
                      const std::optional<SeenManifest>& seen, const secrets::LeaveEvent& leave_event,
                      Deadline deadline) {
    if (!is_name(name) || name.size() > kMaxUserName) {
        throw Error(fmt::format("--name: must be 1 to {} letters, digits or _+=,.@-", kMaxUserName));
    }
    return wait_for<std::string>([&](Completion<std::string> done) {
        database.write<std::string>(
            {Priority::write, deadline},
            [&](storage::WriteTransaction& tx) {
                auto stored = storage::IamRepository::lock(tx);
                if (seen) require_not_older(stored, *seen);
                const auto directory = Directory::build(std::move(stored), account);
                require_first(directory->records(), directory->stored(), recover);
                if (name_taken<User>(directory->records(), name)) {
                    throw Error(fmt::format("--name: there is a user named {} already", name));
                }
                Draft draft(directory->records());
                draft.put(administrator(name, identity, now));
                check_identities(draft.records(), {IamKind::user, name}, {identity});
                static_cast<void>(storage::IamRepository::store(tx, directory->stored(), draft.changes()));
                if (leave_event) {
                    leave_event(
                        tx, {"BootstrapAdministrator",
                             "cofferd bootstrap",
                             {},
                             {{"userName", name}, {"identity", describe(identity)}, {"recover", recover}}});
                }
                return arn_of(account, *draft.records().find<User>(name));
            },
            std::move(done));
    });
}

Identity parse_identity(const std::string& text) {
    Identity identity{IdentityKind::spiffe, text, std::nullopt};
    if (!text.starts_with("spiffe://")) {
        const auto colon = text.find(':');
        const auto kind = find_identity_kind(text.substr(0, colon));
        if (colon == std::string::npos || !kind) {
            throw Error(
                "--identity: must be a SPIFFE ID (spiffe://...) or KIND:VALUE with the kind dns, email, cn "
                "or subject, "
                "e.g. cn:ops");
        }
        identity.kind = *kind;
        identity.value = text.substr(colon + 1);
    }
    if (const auto objection = objection_to(identity)) throw Error("--identity: " + *objection);
    return identity;
}

}  // namespace coffer::iam
