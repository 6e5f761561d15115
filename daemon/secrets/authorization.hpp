#pragma once
// Whether a caller may do what it asks for: builds the request that policies decide on, from what the caller
// sent and what is stored, and asks daemon/access. The one place where operations meet policies.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/access/actions.hpp"
#include "daemon/access/condition_keys.hpp"
#include "daemon/access/principal.hpp"
#include "daemon/base/time.hpp"
#include "daemon/secrets/call_context.hpp"
#include "daemon/secrets/resource_policies.hpp"
#include "storage/records.hpp"

namespace coffer::secrets {

/// What a request itself says that policies may ask for. Only what the caller sent: the service's defaults
/// are no facts (a read without VersionStage has none).
struct Facts {
    std::vector<std::pair<access::Key, std::string>> values{};
    /// The tags that the request brings (aws:RequestTag, aws:TagKeys).
    std::optional<std::vector<access::Tag>> request_tags{};
    /// Keys of tags that it takes away (aws:TagKeys).
    std::optional<std::vector<std::string>> tag_keys{};

    Facts& add(access::Key key, std::string value) {
        values.emplace_back(key, std::move(value));
        return *this;
    }
    Facts& add_boolean(access::Key key, bool value) { return add(key, value ? "true" : "false"); }
};

/// What a request is for.
struct Target {
    /// The complete ARN, or "*" for actions that have no resource.
    std::string arn;
    /// What a refusal calls it: the ARN, or the SecretId as it was typed when it resolved to nothing.
    std::string shown;
    /// The secret, where there is one: its tags and its policy have a say.
    const storage::StoredSecret* secret = nullptr;
};

/// Thread-safe. Everything it refers to must outlive it.
class Authorization {
public:
    explicit Authorization(const Clock& clock) : clock_(clock) {}

    /// Throws access::AccessDenied, in AWS's words, unless every policy that has a say agrees.
    void require(const CallContext& call, access::Action action, const Target& target,
                 const Facts& facts) const;

    /// Whether the same request would be allowed if its secret were `proposed`. Nothing is noted down of it.
    [[nodiscard]] bool would_allow(const CallContext& call, access::Action action,
                                   const storage::StoredSecret& proposed, const Facts& facts) const;

    /// Throws access::AccessDenied unless the same request would be allowed if its secret were `proposed`.
    /// `change` begins the message: what takes the right away. An allowance leaves the request's record as it
    /// is: what decided about the request was its secret as it is stored.
    void require_still(const CallContext& call, access::Action action, const storage::StoredSecret& proposed,
                       const Facts& facts, std::string_view change) const;

private:
    struct Question;
    /// Puts the question together and decides it.
    [[nodiscard]] Question ask(const CallContext& call, access::Action action, const Target& target,
                               const Facts& facts) const;
    static void note(const Question& question, const CallContext& call, const Target& target);

    const Clock& clock_;
    mutable ResourcePolicies resource_policies_;
};

}  // namespace coffer::secrets
