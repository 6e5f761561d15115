// Every operation's request through the validator. The first byte chooses the operation, so that the fuzzer
// reaches each of them soon; the rest is the request's message.

#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "coffer/v1/frame.pb.h"
#include "expect.hpp"
#include "proto/utf8.hpp"
#include "proto/validator.hpp"

using coffer::fuzz::expect;

namespace {

// Ten violations, each with at most 256 shown characters of at most four bytes, and the longest constraint.
constexpr std::size_t kErrorBytesMax = 10 * (256 * 4 + 600);

std::unique_ptr<google::protobuf::Message> request_of(std::uint8_t choice) {
    const auto* operations = coffer::v1::Request::descriptor()->FindOneofByName("operation");
    const auto* type = operations->field(choice % operations->field_count())->message_type();
    auto* factory = google::protobuf::MessageFactory::generated_factory();
    return std::unique_ptr<google::protobuf::Message>(factory->GetPrototype(type)->New());
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    google::protobuf::SetLogHandler(nullptr);
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto request = request_of(data[0]);
    if (!request->ParseFromArray(data + 1, static_cast<int>(size - 1))) return 0;
    const auto error = coffer::proto::validation_error(*request);
    if (!error) return 0;
    expect(error->size() <= kErrorBytesMax, "an error's length is bounded");
    expect(coffer::proto::utf8_length(*error).has_value(), "an error is UTF-8");
    expect(coffer::proto::printable(*error, error->size()) == *error, "an error has no control characters");
    return 0;
}
