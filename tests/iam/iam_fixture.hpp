#pragma once
// The operations on principals without a database: a directory that each successful change replaces.

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "daemon/access/access_denied.hpp"
#include "daemon/iam/managed_policies.hpp"
#include "daemon/iam/operations.hpp"

namespace coffer::iam {

inline constexpr const char* kAccount = "111122223333";

/// A policy that allows one action on everything.
[[nodiscard]] std::string allow(const std::string& action);
[[nodiscard]] std::string deny(const std::string& action);
/// A listener's policy about everybody; its statement is called "one".
[[nodiscard]] std::string for_everybody(const std::string& effect, const std::string& action);
/// A trust policy for this account.
[[nodiscard]] std::string trust();

/// An entity as the database would have it, believed.
[[nodiscard]] storage::StoredIamEntityPtr entity(IamKind kind, const std::string& name,
                                                 const std::string& document, std::int64_t revision = 1);
[[nodiscard]] storage::StoredIam stored(const std::vector<storage::StoredIamEntityPtr>& entities);

[[nodiscard]] access::CertificateIdentity spiffe(const std::string& id);
[[nodiscard]] access::CertificateIdentity named(access::NameKind kind, const std::string& name,
                                                const std::string& subject = "CN=x",
                                                const std::string& issuer = "CN=CA,O=Bank");

/// A world with the administrator "root" (spiffe://t/root). Its time stands still.
class World {
public:
    World();

    /// Does an operation as the user `caller`, and keeps its change.
    template <class Request, class Response>
    Response call(Response (*operation)(Work&, const Request&), const Request& request,
                  const std::string& caller = "root") {
        Draft draft(directory_->records());
        const auto context = context_of(caller);
        last_record = context.record;
        Work work(*directory_, context, node, now, draft);
        auto response = operation(work, request);
        store(draft);
        return response;
    }

    [[nodiscard]] const Directory& directory() const { return *directory_; }
    [[nodiscard]] const Records& records() const { return directory_->records(); }
    [[nodiscard]] access::Recognition recognise(const access::CertificateIdentity& identity) const {
        return directory_->recognise(identity, now);
    }

    // Shorthands, as root.
    void user(const std::string& name);
    void group(const std::string& name);
    void role(const std::string& name);
    std::string policy(const std::string& name, const std::string& document);
    void join(const std::string& user, const std::string& group);
    void attach_to_user(const std::string& user, const std::string& arn);
    void identity(const std::string& user, const std::string& spiffe_id);

    /// As if the role's trust policy had been put before unique ids were kept.
    void forget_trusted(const std::string& role);
    /// As if somebody had done that to the row.
    void damage(const IamKey& key, storage::IamFault fault);

    NodeFacts node{"eu-test-1", {}};
    Timestamp now = Timestamp::from_millis(1'790'000'000'000);  // 2026-09-21T14:13:20Z

    /// What was noted down about the last request.
    std::shared_ptr<secrets::RequestRecord> last_record;

    /// What a request of that user comes with.
    [[nodiscard]] secrets::CallContext context_of(const std::string& caller) const;

private:
    void store(const Draft& draft);

    storage::StoredIam stored_;
    DirectoryPtr directory_;
};

/// What an operation is refused with: "NoSuchEntity: The user with name x cannot be found."; "done" when it
/// is not.
[[nodiscard]] std::string refusal_of(const std::function<void()>& operation);

}  // namespace coffer::iam
