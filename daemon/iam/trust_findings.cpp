#include "daemon/iam/trust_findings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "daemon/access/document_parser.hpp"
#include "daemon/access/malformed_policy.hpp"
#include "daemon/iam/names.hpp"

namespace coffer::iam {

namespace {

class TrustReader {
public:
    TrustReader(const Records& records, const KnownPrincipals& known, const std::string& account)
        : records_(records), known_(known), account_(account) {}

    void read(const Role& role) {
        try {
            const auto document = access::parse_policy(role.trust, {.kind = access::DocumentKind::trust});
            for (const auto& statement : document.statements) {
                if (statement.principal) read(role, statement);
            }
            for (auto& finding : known_.problems_of({document, role.trust_principals})) {
                found_.push_back({arn_of(account_, role), std::move(finding)});
            }
        } catch (const access::MalformedPolicy&) {
            return;  // reported as such
        }
    }

    /// Each role of a circle.
    void find_circles() {
        for (const auto& [name, trusted] : trusts_) {
            const auto path = path_back_to(name);
            if (path.empty()) continue;
            const auto* role = records_.find<Role>(name);
            access::Finding finding;
            finding.severity = access::Severity::suggestion;
            finding.code = "CYCLIC_TRUST";
            finding.message = fmt::format("Sessions of roles may assume each other in a circle: {}",
                                          fmt::join(path, " trusts "));
            finding.advice =
                "A session can be renewed so without end; leave one of them out if that is not meant";
            found_.push_back({arn_of(account_, *role), std::move(finding)});
        }
    }

    [[nodiscard]] std::vector<TrustFinding> take() { return std::move(found_); }

private:
    void read(const Role& role, const access::StatementDocument& statement) {
        for (const auto& entry : statement.principal->entries) {
            if (entry.kind != access::PrincipalKind::aws) continue;
            const auto trusted = known_.role_of(entry.value.text, role.trust_principals);
            const bool allows = statement.effect == access::Effect::allow && !statement.principal->negated;
            if (!trusted.empty() && allows && records_.find<Role>(trusted) != nullptr) {
                trusts_[role.name].insert(trusted);
            }
        }
    }

    /// The shortest way from a role over those that it trusts back to itself, with it at both ends; empty for
    /// none.
    [[nodiscard]] std::vector<std::string> path_back_to(const std::string& name) const {
        std::map<std::string, std::string> came_from;
        std::vector<std::string> next{name};
        for (std::size_t i = 0; i < next.size(); ++i) {
            const auto trusted = trusts_.find(next[i]);
            if (trusted == trusts_.end()) continue;
            for (const auto& to : trusted->second) {
                if (to == name) {
                    std::vector<std::string> path{name};
                    for (auto at = next[i]; at != name; at = came_from.at(at)) path.push_back(at);
                    path.push_back(name);
                    std::reverse(path.begin(), path.end());
                    return path;
                }
                if (came_from.emplace(to, next[i]).second) next.push_back(to);
            }
        }
        return {};
    }

    const Records& records_;
    const KnownPrincipals& known_;
    const std::string& account_;
    std::map<std::string, std::set<std::string>> trusts_;
    std::vector<TrustFinding> found_;
};

}  // namespace

std::vector<TrustFinding> find_trust_problems(const Records& records, const KnownPrincipals& known,
                                              const std::string& account) {
    TrustReader reader(records, known, account);
    for (const auto& [name, role] : records.roles) reader.read(*role);
    reader.find_circles();
    return reader.take();
}

}  // namespace coffer::iam
