#pragma once
// What an operation works with: the records, the caller and its rights, and the draft of a change.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/access/evaluation.hpp"
#include "daemon/iam/access_key_secrets.hpp"
#include "daemon/iam/directory.hpp"
#include "daemon/iam/draft.hpp"
#include "daemon/iam/errors.hpp"
#include "daemon/iam/names.hpp"
#include "daemon/iam/node_facts.hpp"
#include "daemon/secrets/call_context.hpp"

namespace coffer::iam {

/// The condition keys of a request to IAM, besides those that every request has.
struct Asked {
    std::vector<Tag> resource_tags{};
    std::vector<Tag> request_tags{};
    std::vector<std::string> tag_keys{};
    /// iam:PolicyARN
    std::optional<std::string> policy_arn{};
    /// iam:PermissionsBoundary: the one that is asked for or, for changes of policies, the one that is there.
    std::optional<std::string> boundary{};
};

/// One operation. Used by one thread.
class Work {
public:
    /// For an operation that reads; everything must outlive it.
    Work(const Directory& directory, const secrets::CallContext& call, const NodeFacts& node, Timestamp now)
        : directory_(directory), call_(call), node_(node), now_(now) {}
    /// For one that asks about secrets as well.
    Work(const Directory& directory, const secrets::CallContext& call, const NodeFacts& node, Timestamp now,
         storage::ReadTransaction& tx)
        : directory_(directory), call_(call), node_(node), now_(now), tx_(&tx) {}
    /// For one that changes `draft`, which was made from the directory.
    Work(const Directory& directory, const secrets::CallContext& call, const NodeFacts& node, Timestamp now,
         Draft& draft)
        : directory_(directory), call_(call), node_(node), now_(now), draft_(&draft) {}

    [[nodiscard]] const Directory& directory() const noexcept { return directory_; }
    [[nodiscard]] const std::string& account() const noexcept { return directory_.account(); }
    [[nodiscard]] const access::Rights& rights() const noexcept { return *call_.caller.rights; }
    [[nodiscard]] const secrets::CallContext& call() const noexcept { return call_; }
    [[nodiscard]] const NodeFacts& node() const noexcept { return node_; }
    [[nodiscard]] Timestamp now() const noexcept { return now_; }
    [[nodiscard]] Draft& draft() noexcept { return *draft_; }
    [[nodiscard]] storage::ReadTransaction& database() noexcept { return *tx_; }
    /// Whether there is one to be asked. A change has none while it is tried out whether it is allowed.
    [[nodiscard]] bool has_database() const noexcept { return tx_ != nullptr; }
    void use(storage::ReadTransaction& tx) noexcept { tx_ = &tx; }
    [[nodiscard]] const Records& records() const noexcept {
        return draft_ != nullptr ? draft_->records() : directory_.records();
    }

    /// The record of that name. Throws no_such(), or not_believed() when it is there and cannot be.
    template <class Record>
    [[nodiscard]] const Record& need(const std::string& name) const {
        if (const auto* record = records().find<Record>(name)) return *record;
        const IamKey key{Record::kKind, name};
        const auto fault = records().faults.find(key);
        if (fault != records().faults.end()) throw not_believed(key, fault->second);
        throw no_such<Record>(name);
    }

    /// The ARN of the record of that name; as if its path were "/" when there is none.
    template <class Record>
    [[nodiscard]] std::string arn(const std::string& name) const {
        const auto* record = records().find<Record>(name);
        return arn_of(account(), Record::kKind, record != nullptr ? record->path : "/", name);
    }

    /// What a request about the record of that name is asked with: its tags, or none when it is not there.
    template <class Record>
    [[nodiscard]] Asked about(const std::string& name) const {
        Asked asked;
        if (const auto* record = records().find<Record>(name)) asked.resource_tags = record->tags;
        return asked;
    }

    [[nodiscard]] std::string listener_arn(std::string_view name) const {
        return iam::listener_arn(node_.region, account(), name);
    }

    /// Whether the caller may do that.
    [[nodiscard]] bool may(access::Action action, const std::string& resource) const;
    /// Throws access::AccessDenied unless the caller may do `action` to `resource` (an ARN, or "*").
    void require(access::Action action, const std::string& resource, const Asked& asked = {}) const;

    /// The record of that name to change, after the caller was found to be allowed to.
    template <class Record>
    [[nodiscard]] Record& edit(access::Action action, const std::string& name, const Asked& asked) {
        require(action, arn<Record>(name), asked);
        static_cast<void>(need<Record>(name));
        return draft().edit<Record>(name);
    }
    template <class Record>
    [[nodiscard]] Record& edit(access::Action action, const std::string& name) {
        return edit<Record>(action, name, about<Record>(name));
    }

    /// What makes the secrets of access keys. Null while nothing is to be stored: before a change, it is
    /// tried out whether it is allowed.
    [[nodiscard]] AccessKeySecrets* access_key_secrets() const noexcept { return access_key_secrets_; }
    void use(AccessKeySecrets* secrets) noexcept { access_key_secrets_ = secrets; }

    /// Why what the database has now is not believed, so that the directory is what it had before; nothing:
    /// it is believed.
    [[nodiscard]] const std::optional<std::string>& distrust() const noexcept { return distrust_; }
    void note_distrust(std::optional<std::string> reason) { distrust_ = std::move(reason); }

private:
    [[nodiscard]] access::RequestContext request_for(access::Action action,
                                                     const std::string& resource) const;

    const Directory& directory_;
    const secrets::CallContext& call_;
    const NodeFacts& node_;
    Timestamp now_;
    storage::ReadTransaction* tx_ = nullptr;
    Draft* draft_ = nullptr;
    AccessKeySecrets* access_key_secrets_ = nullptr;
    std::optional<std::string> distrust_;
};

/// The policy of what comes with Coffer, which belongs to the account `aws`, as in AWS: everybody may look at
/// it who may by his own policies.
[[nodiscard]] access::PolicyPtr built_in_resource_policy();

/// `name`, or that of the user who asks when it is empty. Throws ValidationException when no user asks.
[[nodiscard]] std::string user_named(const Work& work, const std::string& name);

}  // namespace coffer::iam
