// What verifying a request's signature costs (the aim is under 20 us): reading it, canonicalisation, the
// body's hash and the comparison, with the day's key at hand; and deriving that key. Google Benchmark;
// not part of run.sh's figures.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "aws_request.hpp"
#include "daemon/aws/sigv4_verifier.hpp"

namespace {

using namespace coffer;

/// Of AWS's documentation.
constexpr std::string_view kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr std::int64_t kNow = 1'782'864'000'000;

struct Sent {
    explicit Sent(std::string_view body)
        : bytes(bench::signed_request(
              {"AKIDEXAMPLE", crypto::SecretBytes::copy_of(as_bytes(kSecret)), "eu-central-1"},
              "localhost:8443", "GetSecretValue", body, Timestamp::from_millis(kNow))) {
        std::string_view rest = bytes;
        rest.remove_prefix(rest.find("\r\n") + 2);
        while (!rest.starts_with("\r\n")) {
            const auto line = rest.substr(0, rest.find("\r\n"));
            const auto colon = line.find(": ");
            headers.push_back({line.substr(0, colon), line.substr(colon + 2)});
            rest.remove_prefix(line.size() + 2);
        }
        rest.remove_prefix(2);
        view = {"POST", "/", "", headers, as_bytes(rest)};
    }

    std::string bytes;
    std::vector<aws::HttpHeader> headers;
    aws::HttpRequestView view;
};

const aws::SignatureScope& scope() {
    static const aws::SignatureScope value{"eu-central-1", "secretsmanager", std::chrono::minutes(5)};
    return value;
}

void verify(benchmark::State& state, std::string_view body) {
    const Sent sent(body);
    aws::SignatureVerifier verifier;
    for (auto _ : state) {
        const auto checked =
            aws::SignatureVerifier::read(sent.view, {}, scope(), Timestamp::from_millis(kNow));
        if (!verifier.matches(checked, as_bytes(kSecret), true)) state.SkipWithError("refused");
    }
}

void verify_small(benchmark::State& state) {
    verify(state, R"({"SecretId":"app/db"})");
}
BENCHMARK(verify_small);

void verify_64_kib(benchmark::State& state) {
    verify(state, std::string(65536, 'x'));
}
BENCHMARK(verify_64_kib);

void derive_key(benchmark::State& state) {
    const aws::KeyScope day{"AKIDEXAMPLE", "20260701", "eu-central-1", "secretsmanager"};
    for (auto _ : state) benchmark::DoNotOptimize(aws::derive_signing_key(as_bytes(kSecret), day));
}
BENCHMARK(derive_key);

}  // namespace

BENCHMARK_MAIN();
