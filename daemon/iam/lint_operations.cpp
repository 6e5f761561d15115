// What is wrong with the policies: of principals, roles and listeners, which are in memory, and of secrets,
// which are read by pages.

#include <string_view>

#include "daemon/base/errors.hpp"
#include "daemon/iam/operations.hpp"
#include "daemon/iam/page.hpp"
#include "daemon/iam/policy_linter.hpp"
#include "daemon/iam/unused_access.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::iam {

namespace {

/// Secrets of a page, unless the request says otherwise. Their policies have 20,480 characters at most, each
/// of their seals is a call of the token, and a connection to the database is held for as long.
constexpr std::int64_t kSecretsOfPage = 200;
/// A marker is this and the name of the secret that was read last, or this alone before the first one.
constexpr std::string_view kSecretMarker = "secrets/";

/// The name that a marker says.
std::string read_last(const std::string& marker) {
    if (marker.starts_with(kSecretMarker)) return marker.substr(kSecretMarker.size());
    throw invalid_input("Marker is none that LintPolicies answered; leave it out to begin anew.");
}

void go_on_behind(const std::string& name, v1::LintPoliciesResponse& response) {
    response.set_is_truncated(true);
    response.set_marker(std::string(kSecretMarker) + name);
}

void lint_secret(PolicyLinter& linter, storage::SecretRepository::WithPolicy& row) {
    try {
        const auto secret = row.secret.take();
        linter.check_secret(secret);
    } catch (const IntegrityError& broken) {
        linter.add(
            "secret '" + row.name + "'", "NOT_BELIEVED",
            fmt::format("Its policy was not looked at, since the row is not believed: {}.", broken.what()),
            "Find out who changed it, and restore it from a backup; until then its reads are refused.");
    }
}

/// The policies of the secrets behind `after`.
void lint_secrets(Work& work, const std::string& after, std::size_t limit, PolicyLinter& linter,
                  v1::LintPoliciesResponse& response) {
    auto rows = storage::SecretRepository::list_with_policy(work.database(), after, limit);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        lint_secret(linter, rows[i]);
        const bool last = i + 1 == rows.size();
        // A full page may have been the last; the next one is empty then.
        if (last ? rows.size() == limit : response.ByteSizeLong() > kMaxPageBytes) {
            go_on_behind(rows[i].name, response);
            return;
        }
    }
}

}  // namespace

// Who may lint sees what is wrong with the policies of all secrets, whatever GetResourcePolicy he has: as
// with WhoCan, WhatCan and the simulation, which ask those policies as well.
v1::LintPoliciesResponse lint_policies(Work& work, const v1::LintPoliciesRequest& request) {
    work.require(access::Action::coffer_lint_policies, "*");
    v1::LintPoliciesResponse response;
    response.set_is_truncated(false);
    PolicyLinter linter(work, response);
    std::string after;
    if (request.has_marker()) {
        after = read_last(request.marker());
    } else {
        linter.check_principals();
        if (request.has_unused_days()) find_unused_access(work, request.unused_days(), response);
        if (response.ByteSizeLong() > kMaxPageBytes) {
            go_on_behind({}, response);
            return response;
        }
    }
    const auto limit = request.has_max_items() ? request.max_items() : kSecretsOfPage;
    lint_secrets(work, after, static_cast<std::size_t>(limit), linter, response);
    return response;
}

}  // namespace coffer::iam
