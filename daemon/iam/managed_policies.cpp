#include "daemon/iam/managed_policies.hpp"

#include <array>
#include <map>

namespace coffer::iam {

namespace {

constexpr std::array<BuiltInPolicy, 5> kPolicies{{
    {kAdministratorAccess, "AdministratorAccess", "ANPAIWMBCKSKIEE64ZLYK", "Provides full access to Coffer.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})"},
    {"arn:aws:iam::aws:policy/SecretsManagerReadWrite", "SecretsManagerReadWrite", "ANPAI3VG7CI5BIQZQ6G2E",
     "Provides read and write access to all secrets.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}]})"},
    {"arn:aws:iam::aws:policy/IAMFullAccess", "IAMFullAccess", "ANPAI7XKCFMBPM3QQRRVQ",
     "Provides full access to users, groups, roles and policies.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:*","coffer:ApplyAccessConfiguration","coffer:WhoCan","coffer:WhatCan","coffer:LintPolicies"],"Resource":"*"}]})"},
    {"arn:aws:iam::aws:policy/IAMReadOnlyAccess", "IAMReadOnlyAccess", "ANPAJKSO7NDY4T57MWDSQ",
     "Provides read only access to users, groups, roles and policies.",
     R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:Get*","iam:List*","iam:Simulate*","coffer:WhoCan","coffer:WhatCan","coffer:LintPolicies"],"Resource":"*"}]})"},
    {"arn:aws:iam::aws:policy/AWSDenyAll", "AWSDenyAll", "ANPA4VKBF2SYQFUTWB4K6", "Denies all access.",
     R"({"Version":"2012-10-17","Statement":[{"Sid":"DenyAll","Effect":"Deny","Action":"*","Resource":"*"}]})"},
}};

using Compiled = std::map<std::pair<std::string_view, access::DocumentKind>, access::PolicyPtr>;

Compiled compile_all() {
    Compiled all;
    for (const auto& policy : kPolicies) {
        for (const auto kind : {access::DocumentKind::identity, access::DocumentKind::boundary}) {
            all.emplace(std::pair(policy.arn, kind),
                        access::Policy::parse(policy.document, std::string(policy.arn), {.kind = kind}));
        }
    }
    return all;
}

}  // namespace

std::span<const BuiltInPolicy> built_in_policies() noexcept {
    return kPolicies;
}

const BuiltInPolicy* find_built_in(std::string_view arn) noexcept {
    for (const auto& policy : kPolicies) {
        if (policy.arn == arn) return &policy;
    }
    return nullptr;
}

access::PolicyPtr compiled(const BuiltInPolicy& policy, access::DocumentKind kind) {
    static const Compiled kCompiled = compile_all();
    return kCompiled.at({policy.arn, kind});
}

}  // namespace coffer::iam
