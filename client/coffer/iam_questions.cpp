#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/coffer/columns.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/iam.hpp"
#include "client/coffer/timestamp.hpp"

namespace coffer::cli {

namespace {

/// KEY=VALUE as a condition key; one that comes several times has several values.
template <class Request>
void put_context(const std::vector<std::string>& pairs, Request& request) {
    for (const auto& pair : pairs) {
        const auto equals = pair.find('=');
        if (equals == std::string::npos || equals == 0) {
            throw UsageError(
                fmt::format("--context must be KEY=VALUE, e.g. aws:SourceIp=10.0.0.1, not {}", pair));
        }
        const auto key = pair.substr(0, equals);
        v1::ContextEntry* entry = nullptr;
        for (auto& known : *request.mutable_context_entries()) {
            if (known.context_key_name() == key) entry = &known;
        }
        if (entry == nullptr) {
            entry = request.add_context_entries();
            entry->set_context_key_name(key);
        }
        entry->add_context_key_values(pair.substr(equals + 1));
    }
}

/// The listener that a question is about, where one is named.
template <class Request>
void put_listener(const std::string& listener, Request& request) {
    if (!listener.empty()) request.set_listener_name(listener);
}

void add_listener_option(CLI::App& verb, std::string& listener) {
    verb.add_option("--listener", listener,
                    "as if it came through this listener, whose policies have a say then")
        ->type_name("NAME");
}

bool as_columns(const Context& context) {
    return context.options().output.empty();
}

using Grants = google::protobuf::RepeatedPtrField<v1::AccessGrant>;

/// "aws:SourceIp IpAddress 127.0.0.1 or 10.0.0.0/8"
std::string condition_text(const v1::AccessDependency& condition) {
    if (!condition.has_operator_name()) return condition.key() + " in its Resource";
    return fmt::format("{} {} {}", condition.key(), condition.operator_name(),
                       fmt::join(condition.values(), " or "));
}

/// What one statement hangs on.
struct OpenStatement {
    const v1::AccessDependency* first = nullptr;
    std::string conditions;
};

std::vector<OpenStatement> open_statements(const v1::AccessGrant& grant) {
    std::vector<OpenStatement> out;
    for (const auto& each : grant.depends_on()) {
        const bool same = !out.empty() && out.back().first->policy() == each.policy() &&
                          out.back().first->statement() == each.statement() &&
                          out.back().first->effect() == each.effect();
        if (same) {
            out.back().conditions += " and " + condition_text(each);
        } else {
            out.push_back({&each, condition_text(each)});
        }
    }
    return out;
}

/// The Allows of one type of policy are alternatives, everything else must be so.
std::string dependency_text(const v1::AccessGrant& grant) {
    std::string out;
    std::string last_type;
    for (const auto& [first, conditions] : open_statements(grant)) {
        const bool denies = first->effect() == "Deny";
        if (!out.empty()) out += !denies && last_type == first->policy_type() ? " or " : "; ";
        last_type = denies ? std::string() : first->policy_type();
        out += denies ? fmt::format("not when {} ({} of {})", conditions, first->statement(), first->policy())
                      : conditions;
    }
    return out;
}

/// "new secrets: ARN" where it is about secrets that are to be made.
std::string resource_text(const v1::AccessGrant& grant) {
    return (grant.action() == "secretsmanager:CreateSecret" ? "new secrets: " : "") + grant.resource();
}

void show_grants(const Grants& grants, const Grants& conditional, bool principals) {
    if (grants.empty() && conditional.empty()) return say(principals ? "Nobody can.\n" : "Nothing.\n");
    if (!grants.empty()) {
        Columns columns({principals ? "principal" : "action", principals ? "allowed by" : "resource",
                         principals ? "statement" : "allowed by"});
        for (const auto& grant : grants) {
            if (principals) {
                columns.add({grant.principal(), grant.policy(), grant.statement()});
            } else {
                columns.add({grant.action(), resource_text(grant),
                             fmt::format("{}, {}", grant.policy(), grant.statement())});
            }
        }
        print(columns.text());
    }
    if (conditional.empty()) return;
    print(fmt::format("{}As the request turns out to be (--context KEY=VALUE says more of it):\n",
                      grants.empty() ? "" : "\n"));
    for (const auto& grant : conditional) {
        print(fmt::format(
            "{}: {}, {}\n    depends on: {}\n",
            principals ? grant.principal() : fmt::format("{} on {}", grant.action(), resource_text(grant)),
            grant.policy(), grant.statement(), dependency_text(grant)));
    }
}

// ---- simulate ---------------------------------------------------------------------------------------------

struct Simulation {
    std::string principal;
    std::vector<std::string> actions;
    std::vector<std::string> resources;
    std::vector<std::string> context;
    std::string listener;
};

void run_simulate(Context& context, const Simulation& asked) {
    v1::Request request;
    auto& simulate = *request.mutable_simulate_principal_policy();
    simulate.set_policy_source_arn(asked.principal);
    for (const auto& action : asked.actions) simulate.add_action_names(action);
    for (const auto& resource : asked.resources) simulate.add_resource_arns(resource);
    put_context(asked.context, simulate);
    put_listener(asked.listener, simulate);
    const auto response = context.call(std::move(request));
    if (!as_columns(context))
        return context.show("SimulatePrincipalPolicy", response.simulate_principal_policy());
    for (const auto& result : response.simulate_principal_policy().evaluation_results()) {
        print(fmt::format("{} on {}: {}\n{}\n", result.eval_action_name(), result.eval_resource_name(),
                          result.eval_decision(), result.explanation()));
    }
}

void add_simulate(CLI::App& iam, Commands& commands) {
    auto asked = std::make_shared<Simulation>();
    auto* verb = add_verb(
        iam, "simulate", "Show what would be decided, and what each policy has to do with it",
        {"coffer iam simulate --principal alice --action GetSecretValue --resource app/db",
         "coffer iam simulate --principal role/app --action secretsmanager:PutSecretValue --resource "
         "app/db --context aws:SourceIp=10.0.0.1"});
    verb->add_option("--principal", asked->principal, "a user's name, role/NAME, or an ARN")->required();
    add_list(*verb, "--action", asked->actions, "what would be done; secretsmanager: may be left out")
        ->required();
    add_list(*verb, "--resource", asked->resources, "a secret's name, role/NAME, an ARN, or * (*)");
    add_list(*verb, "--context", asked->context, "condition keys of the request: KEY=VALUE");
    add_listener_option(*verb, asked->listener);
    commands.push_back({verb, [asked](Context& context) { run_simulate(context, *asked); }, true});
}

// ---- who-can, what-can ------------------------------------------------------------------------------------

struct WhoQuestion {
    std::string action;
    std::string resource = "*";
    std::vector<std::string> context;
    std::string listener;
};

void add_who_can(CLI::App& iam, Commands& commands) {
    auto asked = std::make_shared<WhoQuestion>();
    auto* verb = add_verb(iam, "who-can", "List who may do something, and by which statement",
                          {"coffer iam who-can GetSecretValue app/db", "coffer iam who-can iam:CreateUser",
                           "coffer iam who-can sts:AssumeRole role/deploy"});
    verb->add_option("action", asked->action, "what; secretsmanager: may be left out")->required();
    verb->add_option("resource", asked->resource, "a secret's name, role/NAME, an ARN, or * (*)");
    add_list(*verb, "--context", asked->context, "condition keys of the request: KEY=VALUE");
    add_listener_option(*verb, asked->listener);
    commands.push_back({verb,
                        [asked](Context& context) {
                            v1::Request request;
                            request.mutable_who_can()->set_action(asked->action);
                            request.mutable_who_can()->set_resource(asked->resource);
                            put_context(asked->context, *request.mutable_who_can());
                            put_listener(asked->listener, *request.mutable_who_can());
                            const auto response = context.call(std::move(request));
                            if (!as_columns(context)) return context.show("WhoCan", response.who_can());
                            show_grants(response.who_can().grants(), response.who_can().conditional_grants(),
                                        true);
                        },
                        true});
}

struct WhatQuestion {
    std::string principal;
    std::vector<std::string> resources;
    std::vector<std::string> context;
    std::string listener;
};

void add_what_can(CLI::App& iam, Commands& commands) {
    auto asked = std::make_shared<WhatQuestion>();
    auto* verb = add_verb(iam, "what-can", "List what somebody may do, and by which statement",
                          {"coffer iam what-can alice", "coffer iam what-can role/app --resource app/db"});
    verb->add_option("principal", asked->principal, "a user's name, role/NAME, or an ARN")->required();
    add_list(*verb, "--resource", asked->resources,
             "secrets' names, role/NAME, ARNs or * (*, new secrets and the first 1000 secrets)");
    add_list(*verb, "--context", asked->context, "condition keys of the request: KEY=VALUE");
    add_listener_option(*verb, asked->listener);
    commands.push_back({verb,
                        [asked](Context& context) {
                            v1::Request request;
                            auto& what = *request.mutable_what_can();
                            what.set_policy_source_arn(asked->principal);
                            for (const auto& resource : asked->resources) what.add_resources(resource);
                            put_context(asked->context, what);
                            put_listener(asked->listener, what);
                            const auto response = context.call(std::move(request));
                            if (!as_columns(context)) return context.show("WhatCan", response.what_can());
                            show_grants(response.what_can().grants(),
                                        response.what_can().conditional_grants(), false);
                        },
                        true});
}

// ---- lint -------------------------------------------------------------------------------------------------

/// With a full stop, which not all have.
std::string sentence(std::string text) {
    const auto last = text.empty() ? '.' : text.back();
    if (last != '.' && last != '?' && last != '!') text += '.';
    return text;
}

/// Which statement a finding is about, by its Sid or its number.
std::string statement_of(const v1::PolicyFinding& finding) {
    if (finding.has_sid()) return " in " + finding.sid();
    return finding.statement() > 0 ? fmt::format(" in statement {}", finding.statement()) : std::string();
}

void run_lint(Context& context, std::int64_t unused_days) {
    v1::Request request;
    auto& lint = *request.mutable_lint_policies();
    if (unused_days > 0) lint.set_unused_days(unused_days);
    const auto response = call_all(context, std::move(request));
    if (!as_columns(context)) return context.show("LintPolicies", response.lint_policies());
    for (const auto& finding : response.lint_policies().findings()) {
        print(fmt::format("{}{}: {} {}{}: {} {}\n", finding.policy(),
                          finding.has_line() ? fmt::format(":{}:{}", finding.line(), finding.column()) : "",
                          finding.severity(), finding.code(), statement_of(finding),
                          sentence(finding.message()), sentence(finding.advice())));
    }
    if (response.lint_policies().has_used_since()) {
        say(fmt::format("Uses are counted since {}.\n", utc_date(response.lint_policies().used_since())));
    }
    if (response.lint_policies().findings().empty()) say("Nothing to complain of.\n");
}

void add_lint(CLI::App& iam, Commands& commands) {
    auto* verb =
        add_verb(iam, "lint",
                 "Find what is wrong, dangerous or without effect in all policies, those of secrets included",
                 {"coffer iam lint", "coffer iam lint --unused-days 90", "coffer iam lint --output json"});
    auto days = std::make_shared<std::int64_t>(0);
    verb->add_option("--unused-days", *days, "also find access that was not used in so many days")
        ->check(CLI::Range(1, 3650))
        ->type_name("N");
    commands.push_back({verb, [days](Context& context) { run_lint(context, *days); }, true});
}

}  // namespace

void add_iam_questions(CLI::App& iam, Commands& commands) {
    const auto before = commands.size();
    add_simulate(iam, commands);
    add_who_can(iam, commands);
    add_what_can(iam, commands);
    add_lint(iam, commands);
    for (auto i = before; i < commands.size(); ++i) commands[i].app->group("Questions");
}

}  // namespace coffer::cli
