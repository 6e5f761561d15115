#pragma once
// What a request is decided on: who, what, on which resource, and the values of the condition keys.

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/access/actions.hpp"
#include "daemon/access/arn.hpp"
#include "daemon/access/condition_keys.hpp"
#include "daemon/access/principal.hpp"
#include "daemon/access/values.hpp"
#include "daemon/base/time.hpp"

namespace coffer::access {

/// The keys that a question about access does not say, although a request may have them. Of a real request
/// there are none: what it has not is absent.
struct OpenKeys {
    std::bitset<kSingleKeys> single;
    bool principal_tags = false;
    bool resource_tags = false;
    bool request_tags = false;
    /// Claims of identity providers.
    bool claims = false;
};

/// The request context of AWS. Filled in by one thread; may then be read by any number. A key that was not
/// set, or set to no value at all, is absent; one that was set to the empty text is not. What the caller's
/// request names goes in, nothing that the service would assume: a GetSecretValue without VersionStage has no
/// secretsmanager:VersionStage.
///
/// Set by the constructor from the principal: aws:PrincipalArn, PrincipalAccount, PrincipalType, userid,
/// username (of users), FederatedProvider, PrincipalServiceName, PrincipalTag/*, PrincipalIsAWSService,
/// ViaAWSService (always false), coffer:PrincipalGroups; and from the resource aws:ResourceAccount and
/// aws:RequestedRegion (of an ARN that has them). aws:CurrentTime and aws:EpochTime come from set_time().
class RequestContext {
public:
    /// `resource` is the complete ARN of what the request is for, or "*". `principal` must outlive the
    /// context.
    RequestContext(const Principal& principal, Action action, std::string resource);

    /// Gives a key one value. Replaces what it had.
    void set(Key key, std::string_view value);
    /// Gives a key any number of values; none makes it absent.
    void set(Key key, std::span<const std::string> values);
    void set_boolean(Key key, bool value) { set(key, value ? "true" : "false"); }
    /// Gives the key of that name its values: a key of the table, a tag ("aws:ResourceTag/team"; the first
    /// value counts), or one that is in no table. For simulations. With no values the key is absent, and no
    /// longer open.
    void set_named(std::string_view name, std::span<const std::string> values);
    /// aws:CurrentTime and aws:EpochTime.
    void set_time(Timestamp now);

    /// The tags that the resource has.
    void set_resource_tags(std::vector<Tag> tags) { resource_tags_ = std::move(tags); }
    /// The tags that the request brings; also sets aws:TagKeys.
    void set_request_tags(std::vector<Tag> tags);
    /// For UntagResource, which brings keys alone.
    void set_tag_keys(std::span<const std::string> keys) { set(Key::tag_keys, keys); }

    /// Which keys may have values besides those that are set. For questions.
    void leave_open(const OpenKeys& keys) { open_ = keys; }
    /// Whether `key` is one of them and was not set since: a real request may have it, with any value.
    [[nodiscard]] bool is_open(const KeyRef& key) const noexcept;

    [[nodiscard]] const Principal& principal() const noexcept { return *principal_; }
    [[nodiscard]] Action action() const noexcept { return action_; }
    [[nodiscard]] const std::string& resource() const noexcept { return resource_; }
    /// The parts of the resource's ARN; nothing for "*".
    [[nodiscard]] const std::optional<Arn>& resource_arn() const noexcept { return arn_; }
    /// The account that owns the resource: from its ARN, or else the principal's own.
    [[nodiscard]] std::string_view resource_account() const noexcept;

    /// The values of a key; none when it is absent. Valid until the context is changed.
    [[nodiscard]] std::span<const std::string> values(const KeyRef& key) const noexcept;
    /// The same for a key of the table.
    [[nodiscard]] std::span<const std::string> values(Key key) const noexcept {
        const auto& slot = slots_[static_cast<std::size_t>(key)];
        return {pool_.data() + slot.first, slot.count};
    }

    /// The address that a value of aws:SourceIp is, read once for all statements; nullptr for any other text.
    [[nodiscard]] const IpRange* address_of(const std::string& value) const noexcept {
        return source_address_ && &value == &pool_[slots_[static_cast<std::size_t>(Key::source_ip)].first]
                   ? &*source_address_
                   : nullptr;
    }

    RequestContext(const RequestContext& that);
    RequestContext& operator=(const RequestContext&) = delete;
    ~RequestContext() = default;

private:
    /// Where in `pool_` a key's values are.
    struct Slot {
        std::uint32_t first = 0;
        std::uint32_t count = 0;
    };

    void set_principal_keys();

    const Principal* principal_;
    Action action_;
    std::string resource_;
    std::optional<Arn> arn_;
    std::array<Slot, kSingleKeys> slots_{};
    OpenKeys open_;
    std::vector<std::string> pool_;
    /// When aws:SourceIp is one address.
    std::optional<IpRange> source_address_;
    std::vector<Tag> principal_tags_;
    std::vector<Tag> resource_tags_;
    std::vector<Tag> request_tags_;
    /// Keys that are in no table, by their name in lower case.
    std::vector<std::pair<std::string, std::vector<std::string>>> others_;
};

/// "2026-11-25T12:13:14Z", as aws:CurrentTime shows a moment.
[[nodiscard]] std::string format_iso_time(Timestamp time);

}  // namespace coffer::access
