// What a decision costs: 20 policies of 10 statements (the aim is under 5 us), the request's context, and the
// compilation of a policy. Google Benchmark; not part of run.sh's figures.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "daemon/access/evaluation.hpp"
#include "daemon/access/limits.hpp"

namespace {

using namespace coffer::access;

constexpr int kPolicies = 20;
constexpr int kStatements = 10;

Principal principal() {
    return {PrincipalType::user,
            "arn:aws:iam::111122223333:user/erin",
            "",
            "111122223333",
            "AIDAERIN00000000",
            "erin",
            "",
            {{"team", "web"}, {"stage", "live"}},
            {}};
}

RequestContext request(const Principal& who) {
    RequestContext out(who, Action::get_secret_value,
                       "arn:aws:secretsmanager:eu-central-1:111122223333:secret:web/db/password-a1b2c3");
    out.set_time(coffer::Timestamp::from_millis(1'782'864'000'000));
    out.set(Key::source_ip, "10.20.30.40");
    out.set(Key::source_vpce, "internal");
    out.set_boolean(Key::secure_transport, true);
    out.set(Key::user_agent, "aws-cli/2.15.0 Python/3.11 Linux/6.1");
    out.set(Key::sm_secret_id, "web/db/password");
    out.set(Key::sm_version_stage, "AWSCURRENT");
    out.set_resource_tags({{"team", "web"}, {"owner", "erin"}});
    return out;
}

/// `make(i)` is the i-th statement of all; none of them applies to the request.
template <class Make>
std::vector<PolicyPtr> policies(Make make, DocumentKind kind = DocumentKind::identity,
                                const coffer::PrincipalIds& ids = {}) {
    std::vector<PolicyPtr> out;
    for (int p = 0; p < kPolicies; ++p) {
        std::string text = R"({"Version":"2012-10-17","Statement":[)";
        for (int s = 0; s < kStatements; ++s) text += (s == 0 ? "" : ",") + make(p * kStatements + s);
        out.push_back(Policy::parse(text + "]}", "policy", {kind, kMaxDocumentBytes}, ids));
    }
    return out;
}

std::string statement(const std::string& action, const std::string& name, const std::string& condition) {
    return R"({"Effect":"Allow","Action":")" + action +
           R"(","Resource":"arn:aws:secretsmanager:eu-central-1:111122223333:secret:)" + name + "\"" +
           (condition.empty() ? "" : ",\"Condition\":" + condition) + "}";
}

void run(benchmark::State& state, const std::vector<PolicyPtr>& identity) {
    const auto who = principal();
    const auto context = request(who);
    const PolicySet set{identity, {}, nullptr, nullptr, nullptr};
    if (decide(context, set).allowed()) state.SkipWithError("nothing should allow, so that all is looked at");
    for (auto _ : state) benchmark::DoNotOptimize(decide(context, set));
}

/// As policies are: one in four statements is about the action.
void usual(benchmark::State& state) {
    const std::vector<std::string> actions{"secretsmanager:Get*", "secretsmanager:PutSecretValue",
                                           "secretsmanager:DescribeSecret", "secretsmanager:List*"};
    run(state, policies([&](int i) {
            return statement(actions[static_cast<std::size_t>(i) % 4], "app" + std::to_string(i) + "/*",
                             i % 8 == 0 ? R"({"Bool":{"aws:SecureTransport":"true"}})" : "");
        }));
}
BENCHMARK(usual);

/// Every statement is about the action; the names differ.
void all_about_the_action(benchmark::State& state) {
    run(state, policies([](int i) {
            return statement("secretsmanager:GetSecretValue", "app" + std::to_string(i) + "/*-??????", "");
        }));
}
BENCHMARK(all_about_the_action);

/// Every statement is about the action and the secret, and its last condition is false.
void all_to_the_last_condition(benchmark::State& state) {
    run(state, policies([](int i) {
            return statement(
                "secretsmanager:*", "web/*",
                R"({"Bool":{"aws:SecureTransport":"true"},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},)"
                R"("StringEquals":{"aws:PrincipalTag/team":"team)" +
                    std::to_string(i) + "\"}}");
        }));
}
BENCHMARK(all_to_the_last_condition);

/// Every statement is about the action and names a user by ARN who is not the caller. With `bound` the unique
/// ids are known, as of policies that are put today.
void all_about_others(benchmark::State& state, bool bound) {
    const auto arn = [](int i) { return "arn:aws:iam::111122223333:user/e" + std::to_string(i); };
    coffer::PrincipalIds ids;
    for (int i = 0; bound && i < kPolicies * kStatements; ++i)
        ids.emplace(arn(i), "AIDAERIN" + std::to_string(10'000'000 + i));
    run(state, policies(
                   [&](int i) {
                       return R"({"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*",)"
                              R"("Principal":{"AWS":")" +
                              arn(i) + "\"}}";
                   },
                   DocumentKind::resource, ids));
}
BENCHMARK_CAPTURE(all_about_others, by_arn, false);
BENCHMARK_CAPTURE(all_about_others, by_id, true);

/// With a variable in each resource.
void all_with_a_variable(benchmark::State& state) {
    run(state, policies([](int i) {
            return statement("secretsmanager:*", "${aws:PrincipalTag/stage}/" + std::to_string(i) + "/*", "");
        }));
}
BENCHMARK(all_with_a_variable);

/// Patterns made to be slow.
void hostile_patterns(benchmark::State& state) {
    run(state, policies([](int) { return statement("secretsmanager:*", "*a*a*a*a*a*a*?b*c*?d*", ""); }));
}
BENCHMARK(hostile_patterns);

/// One policy of 19 long patterns with `?` between two `*`, on a value of 2,048 characters that none matches.
void long_patterns(benchmark::State& state, const std::string& piece, const std::string& character) {
    std::string segment;
    while (segment.size() < 1'008) segment += piece;
    std::string values;
    for (int i = 0; i < 19; ++i) values += std::string(i == 0 ? "" : ",") + "\"*" + segment + "b*\"";
    const auto policy =
        Policy::parse(R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*",)"
                      R"("Condition":{"StringLike":{"aws:UserAgent":[)" +
                          values + "]}}}}",
                      "policy", {DocumentKind::identity, kMaxDocumentBytes});
    const auto who = principal();
    auto context = request(who);
    std::string text;
    for (int i = 0; i < 2'048; ++i) text += character;
    context.set(Key::user_agent, text);
    const std::vector<PolicyPtr> identity{policy};
    const PolicySet set{identity, {}, nullptr, nullptr, nullptr};
    if (decide(context, set).allowed()) state.SkipWithError("nothing should allow, so that all is looked at");
    for (auto _ : state) benchmark::DoNotOptimize(decide(context, set));
}
BENCHMARK_CAPTURE(long_patterns, question_marks, std::string("?"), std::string("a"));
BENCHMARK_CAPTURE(long_patterns, every_other, std::string("?a"), std::string("a"));
BENCHMARK_CAPTURE(long_patterns, question_marks_and_umlauts, std::string("?"), std::string("\u00E4"));
BENCHMARK_CAPTURE(long_patterns, every_other_umlaut, std::string("?\u00E4"), std::string("\u00E4"));

void context(benchmark::State& state) {
    const auto who = principal();
    for (auto _ : state) benchmark::DoNotOptimize(request(who));
}
BENCHMARK(context);

void compile(benchmark::State& state) {
    std::string text = R"({"Version":"2012-10-17","Statement":[)";
    for (int s = 0; s < kStatements; ++s) {
        text += (s == 0 ? "" : ",") + statement("secretsmanager:Get*", "app" + std::to_string(s) + "/*", "");
    }
    text += "]}";
    for (auto _ : state) {
        benchmark::DoNotOptimize(Policy::parse(text, "policy", {DocumentKind::identity, kMaxDocumentBytes}));
    }
}
BENCHMARK(compile);

}  // namespace

BENCHMARK_MAIN();
