#include "daemon/secrets/labels.hpp"

#include <algorithm>
#include <chrono>
#include <string>

namespace coffer::secrets {

using storage::StagingLabel;
using storage::StoredVersion;
using storage::VersionId;

namespace {

void remove_label(StoredVersion& version, std::string_view label) {
    std::erase_if(version.labels, [&](const StagingLabel& l) { return l.value() == label; });
}

void remove_everywhere(Versions& versions, std::string_view label) {
    for (auto& version : versions) remove_label(version, label);
}

}  // namespace

StoredVersion* find_version(Versions& versions, const VersionId& id) {
    const auto it = std::ranges::find(versions, id, &StoredVersion::id);
    return it == versions.end() ? nullptr : &*it;
}

const StoredVersion* find_version(const Versions& versions, const VersionId& id) {
    const auto it = std::ranges::find(versions, id, &StoredVersion::id);
    return it == versions.end() ? nullptr : &*it;
}

bool has_label(const StoredVersion& version, std::string_view label) {
    return std::ranges::any_of(version.labels, [&](const StagingLabel& l) { return l.value() == label; });
}

const StoredVersion* holder_of(const Versions& versions, std::string_view label) {
    const auto it = std::ranges::find_if(versions, [&](const auto& v) { return has_label(v, label); });
    return it == versions.end() ? nullptr : &*it;
}

void attach_label(Versions& versions, const VersionId& to, std::string_view label) {
    StoredVersion* target = find_version(versions, to);
    if (target == nullptr || has_label(*target, label)) return;
    if (label == kCurrent) {
        const StoredVersion* losing = holder_of(versions, kCurrent);
        const auto losing_id = losing != nullptr ? std::optional(losing->id) : std::nullopt;
        remove_everywhere(versions, kCurrent);
        if (losing_id) {
            remove_everywhere(versions, kPrevious);
            find_version(versions, *losing_id)->labels.emplace_back(std::string(kPrevious));
        } else {
            remove_label(*target, kPrevious);
        }
    } else {
        remove_everywhere(versions, label);
    }
    target->labels.emplace_back(std::string(label));
}

void detach_label(Versions& versions, const VersionId& from, std::string_view label) {
    if (StoredVersion* version = find_version(versions, from)) remove_label(*version, label);
}

void make_current(Versions& versions, const VersionId& id) {
    if (const StoredVersion* losing = holder_of(versions, kCurrent); losing != nullptr && losing->id != id) {
        detach_label(versions, losing->id, kPending);
    }
    attach_label(versions, id, kCurrent);
}

void take_pending(Versions& versions, const VersionId& id) {
    const auto* pending = holder_of(versions, kPending);
    if (pending == nullptr || pending->id == id) return;
    const auto losing = pending->id;
    detach_label(versions, losing, kPending);
    std::erase_if(versions, [&losing](const StoredVersion& version) {
        return version.id == losing && !version.kind && version.labels.empty();
    });
}

void attach_labels(Versions& versions, const VersionId& to, std::span<const StagingLabel> labels) {
    for (const auto& label : labels) attach_label(versions, to, label.value());
}

void add_pending(Versions& versions, const VersionId& id, Timestamp now) {
    versions.push_back(StoredVersion{id, now, std::nullopt, std::nullopt, {}, std::nullopt});
    attach_label(versions, id, kPending);
}

void remove_test_version(Versions& versions, const VersionId& id) {
    std::erase_if(versions, [&id](const StoredVersion& version) {
        return version.id == id && std::ranges::all_of(version.labels, [](const StagingLabel& label) {
                   return label.value() == kPending;
               });
    });
}

std::size_t count_labels(const Versions& versions) {
    std::size_t count = 0;
    for (const auto& version : versions) count += version.labels.size();
    return count;
}

bool prune(Versions& versions, Timestamp now, std::span<const VersionId> kept) {
    while (versions.size() > kMaxVersions) {
        const auto oldest = std::ranges::find_if(versions, [kept](const auto& v) {
            return v.labels.empty() && std::ranges::find(kept, v.id) == kept.end();
        });
        if (oldest == versions.end() || oldest->created > now - kKeepUnlabelled) return false;
        versions.erase(oldest);
    }
    return true;
}

}  // namespace coffer::secrets
