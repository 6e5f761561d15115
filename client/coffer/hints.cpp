#include "client/coffer/hints.hpp"

#include <fmt/format.h>

#include <array>

#include "client/coffer/visible.hpp"
#include "client/errors.hpp"
#include "proto/utf8.hpp"

namespace coffer::cli {

namespace {

constexpr const char* kFunctionsHint =
    "coffer rotation functions shows the functions that there are, and their ARNs (docs/rotation.md)";

bool mentions(const std::exception& error, std::string_view words) {
    return std::string_view(error.what()).find(words) != std::string_view::npos;
}

std::string limit_hint(const ServiceFailure& error) {
    if (mentions(error, "tags")) return "coffer untag-resource removes tags that are not needed";
    if (mentions(error, "labels")) {
        return "coffer history NAME shows the labels; coffer update-secret-version-stage "
               "--remove-from-version-id ID "
               "takes one away";
    }
    if (mentions(error, "versions")) {
        return "versions without a label make room once they are a day old; coffer history NAME shows them "
               "all";
    }
    return {};
}

std::string not_found_hint(const ServiceFailure& error) {
    if (mentions(error, "Key '")) return "coffer key list shows the master keys";
    if (mentions(error, "names no master key")) return {};  // says it itself
    if (mentions(error, "has no generation")) {
        return "coffer key describe shows a key's generations; --audit and --seal those of the other keys";
    }
    if (mentions(error, "serial number")) {
        return "coffer certificate list shows the certificates that are on record, with their serial numbers";
    }
    if (mentions(error, "certificate authority")) {
        return "coffer certificate authorities shows those of this node";
    }
    if (mentions(error, "row id")) return "coffer damaged list shows the row ids of damaged secrets";
    if (mentions(error, "staging label") || mentions(error, "VersionId")) {
        return "coffer history NAME shows the versions and their labels";
    }
    if (!mentions(error, "secret")) return {};
    return "coffer ls shows the names; coffer ls --all also those marked for deletion";
}

std::string invalid_request_hint(const ServiceFailure& error) {
    constexpr std::array kOfDeletedSecrets{"marked for deletion", "marked deleted", "scheduled for deletion"};
    for (const auto* words : kOfDeletedSecrets) {
        if (mentions(error, words)) return "coffer restore NAME takes a deletion back";
    }
    if (mentions(error, "function ARN")) return kFunctionsHint;
    if (mentions(error, "previous rotation isn't complete")) {
        return "coffer rotation status NAME shows how far it is, and what can be done";
    }
    return {};
}

std::string denied_hint(const ServiceFailure& error) {
    // AWS's answer to the ARN of a function that is not there, too.
    if (mentions(error, "specified Lambda function")) return kFunctionsHint;
    // Nothing that coffer iam can give goes over it.
    if (mentions(error, "explicit deny in a resource-based policy")) {
        return "the secret's own policy forbids it, to administrators as well. Whoever it lets do so "
               "changes "
               "it with coffer put-resource-policy, or removes it with coffer delete-resource-policy";
    }
    if (mentions(error, "explicit deny in a VPC endpoint policy")) {
        return "the policy of the listener forbids it, whoever asks; another listener may allow it";
    }
    return "coffer whoami shows who the daemon takes you for. An administrator gives rights with "
           "coffer iam "
           "(docs/iam.md); coffer iam simulate shows what is missing";
}

std::string hint_for(const ServiceFailure& error) {
    switch (error.code()) {
        case v1::RESOURCE_NOT_FOUND:
            return not_found_hint(error);
        case v1::INVALID_REQUEST:
            return invalid_request_hint(error);
        case v1::ACCESS_DENIED:
            return denied_hint(error);
        case v1::LIMIT_EXCEEDED:
            return limit_hint(error);
        case v1::THROTTLING:
        case v1::SERVICE_UNAVAILABLE:
        case v1::DEADLINE_EXCEEDED:
            return fmt::format(
                "it was tried several times; try again later. The daemon's log has this as request {}",
                error.request_id());
        case v1::DECRYPTION_FAILURE:
            if (mentions(error, "integrity check")) {
                return fmt::format(
                    "coffer damaged list and coffer key verify --values show what was altered, and "
                    "docs/troubleshooting.md what to do. The daemon's log has this as request {}",
                    error.request_id());
            }
            [[fallthrough]];
        case v1::ENCRYPTION_FAILURE:
        case v1::INTERNAL_SERVICE_ERROR:
            return fmt::format("the daemon's log says more, under request {}", error.request_id());
        case v1::NOT_IMPLEMENTED:
            return "docs/status.md lists what this version does not do yet";
        default:
            return {};
    }
}

std::string shown(const std::string& name) {
    constexpr std::size_t kCharactersMax = 512;
    return proto::printable(view(visible(name)), kCharactersMax);
}

std::string with_hint(std::string text, const std::string& hint) {
    text += '\n';
    if (!hint.empty()) text += "Hint: " + hint + ".\n";
    return text;
}

}  // namespace

Ending explain(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const ServiceFailure& error) {
        const auto text = fmt::format("An error occurred ({}) when calling the {} operation: {}",
                                      error.name(), error.operation(), error.what());
        const auto secret = error.secret().empty() ? "" : "\nSecret: " + shown(error.secret());
        return {with_hint(text + secret, hint_for(error)), ExitCode::service_error};
    } catch (const UsageError& error) {
        return {with_hint(fmt::format("coffer: {}", error.what()), {}), ExitCode::usage};
    } catch (const ExecFailure& error) {
        return {with_hint(fmt::format("coffer: {}", error.what()), {}), error.code()};
    } catch (const client::CertificateRefused& error) {
        return {with_hint(fmt::format("coffer: {}", error.what()),
                          "openssl x509 -in FILE -noout -subject -issuer -dates shows what it is"),
                ExitCode::connection_error};
    } catch (const client::ConnectionError& error) {
        return {with_hint(fmt::format("coffer: {}", error.what()), {}), ExitCode::connection_error};
    } catch (const client::DeadlineExceeded& error) {
        return {with_hint(fmt::format("coffer: {}", error.what()), "--timeout SECONDS waits longer"),
                ExitCode::connection_error};
    } catch (const client::OutcomeUnknown& error) {
        return {with_hint(fmt::format("coffer: {}", error.what()), {}), ExitCode::connection_error};
    } catch (const client::ProtocolError& error) {
        return {with_hint(fmt::format("coffer: {}", error.what()), {}), ExitCode::connection_error};
    } catch (const std::exception& error) {
        return {with_hint(fmt::format("coffer: {}", error.what()), {}), ExitCode::failed};
    }
}

}  // namespace coffer::cli
