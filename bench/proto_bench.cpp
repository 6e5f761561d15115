// What the schema costs on the hot path: parsing, checking and writing of a GetSecretValue. Google Benchmark;
// not part of run.sh's figures.

#include <benchmark/benchmark.h>

#include <string>

#include "coffer/v1/frame.pb.h"
#include "daemon/base/uuid.hpp"
#include "proto/frame_codec.hpp"
#include "proto/validator.hpp"

namespace {

using namespace coffer;

v1::Frame request() {
    v1::Frame frame;
    frame.mutable_request()->set_id(12345);
    auto& get = *frame.mutable_request()->mutable_get_secret_value();
    get.set_secret_id("arn:aws:secretsmanager:eu-central-1:111122223333:secret:app/db/password-a1b2c3");
    get.set_version_stage("AWSCURRENT");
    return frame;
}

v1::Frame response() {
    v1::Frame frame;
    auto& response = *frame.mutable_response();
    response.set_id(12345);
    response.set_request_id("6ba7b810-9dad-41d1-80b4-00c04fd430c8");
    auto& get = *response.mutable_get_secret_value();
    get.set_arn("arn:aws:secretsmanager:eu-central-1:111122223333:secret:app/db/password-a1b2c3");
    get.set_name("app/db/password");
    get.set_version_id("EXAMPLE1-90ab-cdef-fedc-ba987SECRET1");
    get.set_secret_string(std::string(1024, 's'));
    get.add_version_stages("AWSCURRENT");
    get.set_created_date(1523477145.713);
    return frame;
}

Bytes written(const v1::Frame& frame) {
    Bytes out;
    proto::append_frame(frame, proto::kDefaultMaxFrameBytes, out);
    return out;
}

void parse_request(benchmark::State& state) {
    const Bytes bytes = written(request());
    for (auto _ : state) {
        const auto extent = proto::next_frame(bytes, proto::kDefaultMaxFrameBytes);
        benchmark::DoNotOptimize(proto::parse_frame(extent->content));
    }
}
BENCHMARK(parse_request);

void validate_request(benchmark::State& state) {
    const auto frame = request();
    for (auto _ : state) {
        benchmark::DoNotOptimize(proto::validation_error(frame.request().get_secret_value()));
    }
}
BENCHMARK(validate_request);

void validate_64_kib_value(benchmark::State& state) {
    v1::PutSecretValueRequest put;
    put.set_secret_id("app/db");
    put.set_secret_string(std::string(65536, 's'));
    for (auto _ : state) benchmark::DoNotOptimize(proto::validation_error(put));
}
BENCHMARK(validate_64_kib_value);

void write_response(benchmark::State& state) {
    const auto frame = response();
    Bytes out;
    for (auto _ : state) {
        out.clear();
        proto::append_frame(frame, proto::kDefaultMaxFrameBytes, out);
        benchmark::DoNotOptimize(out.data());
    }
}
BENCHMARK(write_response);

void make_request_id(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(Uuid::random().text());
}
BENCHMARK(make_request_id);

}  // namespace

BENCHMARK_MAIN();
