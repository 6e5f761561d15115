#include "daemon/access/request_context.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "daemon/access/ascii.hpp"

namespace coffer::access {
namespace {

constexpr std::int64_t kMillisPerSecond = 1000;

/// Names of condition keys are not case sensitive, and a tag's key is a part of one (AWS: a policy's
/// "TagKey1" matches a resource's tag "TagKey1" or "tagkey1", but not both). The same spelling goes first.
const Tag* find_tag(const std::vector<Tag>& tags, std::string_view key) noexcept {
    const Tag* other_case = nullptr;
    for (const auto& tag : tags) {
        if (tag.key == key) return &tag;
        if (other_case == nullptr && equals_ignore_case(tag.key, key)) other_case = &tag;
    }
    return other_case;
}

void put_tag(std::vector<Tag>& tags, std::string_view key, std::string_view value) {
    for (auto& tag : tags) {
        if (tag.key == key) {
            tag.value = value;
            return;
        }
    }
    tags.push_back({std::string(key), std::string(value)});
}

}  // namespace

std::string_view principal_type_name(PrincipalType type) noexcept {
    switch (type) {
        case PrincipalType::account:
            return "Account";
        case PrincipalType::user:
            return "User";
        case PrincipalType::assumed_role:
            return "AssumedRole";
        case PrincipalType::federated_user:
            return "FederatedUser";
        case PrincipalType::service:
            return "Service";
    }
    return "";
}

RequestContext::RequestContext(const Principal& principal, Action action, std::string resource)
    : principal_(&principal),
      action_(action),
      resource_(std::move(resource)),
      arn_(split_arn(resource_)),
      principal_tags_(principal.tags) {
    constexpr std::size_t kUsualValues = 24;
    pool_.reserve(kUsualValues);
    set_principal_keys();
    if (arn_ && !arn_->account().empty()) set(Key::resource_account, arn_->account());
    if (arn_ && !arn_->region().empty()) set(Key::requested_region, arn_->region());
}

// The parts of the ARN are views into the text, so they are cut anew from the copy.
RequestContext::RequestContext(const RequestContext& that)
    : principal_(that.principal_),
      action_(that.action_),
      resource_(that.resource_),
      arn_(split_arn(resource_)),
      slots_(that.slots_),
      open_(that.open_),
      pool_(that.pool_),
      source_address_(that.source_address_),
      principal_tags_(that.principal_tags_),
      resource_tags_(that.resource_tags_),
      request_tags_(that.request_tags_),
      others_(that.others_) {}

void RequestContext::set_principal_keys() {
    const auto& p = *principal_;
    const auto set_some = [this](Key key, const std::string& value) {
        if (!value.empty()) set(key, value);
    };
    // For a session of a role AWS gives the role's ARN, for a federated user's session the session's own.
    const bool of_role = p.type == PrincipalType::assumed_role && !p.issuer_arn.empty();
    set_some(Key::principal_arn, of_role ? p.issuer_arn : p.arn);
    set_some(Key::principal_account, p.account);
    set_some(Key::user_id, p.id);
    set_some(Key::federated_provider, p.federated_provider);
    set(Key::principal_type, principal_type_name(p.type));
    const bool service = p.type == PrincipalType::service;
    if (p.type == PrincipalType::user) set_some(Key::username, p.name);
    if (service) set_some(Key::principal_service_name, p.name);
    set_boolean(Key::principal_is_aws_service, service);
    set_boolean(Key::via_aws_service, false);
    if (!p.groups.empty()) set(Key::coffer_principal_groups, std::span(p.groups));
}

void RequestContext::set(Key key, std::string_view value) {
    auto& slot = slots_.at(static_cast<std::size_t>(key));
    slot = {static_cast<std::uint32_t>(pool_.size()), 1};
    pool_.emplace_back(value);
    if (key == Key::source_ip) source_address_ = parse_ip_address(value);
}

void RequestContext::set(Key key, std::span<const std::string> values) {
    auto& slot = slots_.at(static_cast<std::size_t>(key));
    slot = {static_cast<std::uint32_t>(pool_.size()), static_cast<std::uint32_t>(values.size())};
    pool_.insert(pool_.end(), values.begin(), values.end());
    if (key == Key::source_ip) {
        source_address_ = values.size() == 1 ? parse_ip_address(values.front()) : std::nullopt;
    }
}

void RequestContext::set_named(std::string_view name, std::span<const std::string> values) {
    const auto key = find_key(name);
    const std::string_view first = values.empty() ? std::string_view{} : std::string_view(values.front());
    switch (key.key) {
        case Key::principal_tag:
            put_tag(principal_tags_, key.name, first);
            return;
        case Key::resource_tag:
            put_tag(resource_tags_, key.name, first);
            return;
        case Key::request_tag:
            put_tag(request_tags_, key.name, first);
            return;
        case Key::other:
            break;
        default:
            set(key.key, values);
            if (values.empty()) open_.single.reset(static_cast<std::size_t>(key.key));
            return;
    }
    std::erase_if(others_, [&](const auto& entry) { return entry.first == key.name; });
    others_.emplace_back(key.name, std::vector<std::string>(values.begin(), values.end()));
}

void RequestContext::set_time(Timestamp now) {
    set(Key::current_time, format_iso_time(now));
    set(Key::epoch_time, std::to_string(now.millis() / kMillisPerSecond));
}

void RequestContext::set_request_tags(std::vector<Tag> tags) {
    request_tags_ = std::move(tags);
    std::vector<std::string> keys;
    for (const auto& tag : request_tags_) keys.push_back(tag.key);
    set(Key::tag_keys, std::span<const std::string>(keys));
}

std::string_view RequestContext::resource_account() const noexcept {
    return arn_ && !arn_->account().empty() ? arn_->account() : std::string_view(principal_->account);
}

std::span<const std::string> RequestContext::values(const KeyRef& key) const noexcept {
    const auto of_tag = [&](const std::vector<Tag>& tags) -> std::span<const std::string> {
        const Tag* tag = find_tag(tags, key.name);
        if (tag == nullptr) return {};
        return {&tag->value, 1};
    };
    switch (key.key) {
        case Key::principal_tag:
            return of_tag(principal_tags_);
        case Key::resource_tag:
            return of_tag(resource_tags_);
        case Key::request_tag:
            return of_tag(request_tags_);
        case Key::other:
            for (const auto& [name, values] : others_) {
                if (name == key.name) return values;
            }
            return {};
        default:
            return values(key.key);
    }
}

bool RequestContext::is_open(const KeyRef& key) const noexcept {
    if (!values(key).empty()) return false;
    switch (key.key) {
        case Key::principal_tag:
            return open_.principal_tags;
        case Key::resource_tag:
            return open_.resource_tags;
        case Key::request_tag:
            return open_.request_tags;
        case Key::other:
            return open_.claims && is_provider_key(key);
        default:
            return open_.single[static_cast<std::size_t>(key.key)];
    }
}

std::string format_iso_time(Timestamp time) {
    using namespace std::chrono;
    const sys_time<milliseconds> moment{milliseconds{time.millis()}};
    const auto day = floor<days>(moment);
    const year_month_day date{day};
    const hh_mm_ss clock{floor<seconds>(moment - day)};
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    return text.data();
}

}  // namespace coffer::access
