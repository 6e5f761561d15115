#pragma once
// Where checks put what they find; a part of find_problems().

#include <string>
#include <vector>

#include "daemon/access/actions.hpp"
#include "daemon/access/findings.hpp"

namespace coffer::access {

/// The findings about one statement. Used by one thread.
class FindingList {
public:
    FindingList(std::vector<Finding>& out, const StatementDocument& statement, std::size_t number)
        : out_(&out), sid_(statement.sid ? statement.sid->text : std::string()), number_(number) {}

    void add(Severity severity, std::string code, TextPosition at, std::string message, std::string advice) {
        out_->push_back(
            {severity, std::move(code), number_, sid_, at, std::move(message), std::move(advice)});
    }

    /// Of the whole document so far.
    [[nodiscard]] std::size_t size() const noexcept { return out_->size(); }

private:
    std::vector<Finding>* out_;
    std::string sid_;
    std::size_t number_;
};

/// Unknown and foreign actions, and whether the resources suit the actions.
void check_actions(const PolicyDocument& document, const StatementDocument& statement, FindingList& findings);
/// Patterns that match nothing, in this account or anywhere; in a secret's own policy, another secret.
void check_resources(const PolicyDocument& document, const StatementDocument& statement,
                     const FindingOptions& options, FindingList& findings);
/// Whether the resource part of a pattern (with `*` and `?`, after "secret:") can end as the ARN of a secret
/// does, in a hyphen and six letters or digits.
[[nodiscard]] bool can_end_in_suffix(std::string_view pattern) noexcept;
/// Keys, operators and values that do not go together.
void check_conditions(const StatementDocument& statement, const ActionSet& actions,
                      const FindingOptions& options, FindingList& findings);
/// Variables, where they are none, or where a Deny hangs on them.
void check_variables(const PolicyDocument& document, const StatementDocument& statement,
                     FindingList& findings);
/// Identity providers: that they exist, and that not all of their tokens are taken.
void check_web_identities(const StatementDocument& statement, const ActionSet& actions,
                          const FindingOptions& options, FindingList& findings);
/// Letters that look like others.
void check_lookalikes(const StatementDocument& statement, FindingList& findings);
/// The actions that a statement is about.
[[nodiscard]] ActionSet actions_of(const StatementDocument& statement);
/// Statements that another one makes pointless. `actions` are those of each statement.
void check_coverage(const PolicyDocument& document, const std::vector<ActionSet>& actions, std::size_t index,
                    FindingList& findings);

}  // namespace coffer::access
