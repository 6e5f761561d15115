// The AWS front door's way from bytes to a message, without a network: HTTP, signature, JSON and forms. The
// first byte says where the bytes are cut in two, since what comes in pieces must be understood as what comes
// at once.

#include <optional>
#include <string>

#include "coffer/v1/secrets.pb.h"
#include "coffer/v1/sts.pb.h"
#include "daemon/aws/http_request.hpp"
#include "daemon/aws/json_reader.hpp"
#include "daemon/aws/json_writer.hpp"
#include "daemon/aws/operations.hpp"
#include "daemon/aws/query_reader.hpp"
#include "daemon/aws/sigv4_verifier.hpp"
#include "expect.hpp"

namespace {

using namespace coffer;
using namespace coffer::aws;
using coffer::fuzz::expect;

constexpr std::size_t kBodyMax = 64U * 1024;

/// The canonical request that the bytes are; nothing when they are none, or not a whole one. (Which of these
/// a broken one is may depend on the pieces: the end of the headers is looked for first when they came in
/// several.)
std::optional<std::string> understood(ByteView bytes, std::size_t cut) {
    HttpRequest request(kBodyMax);
    try {
        std::size_t at = request.put(bytes.first(cut));
        if (!request.is_done()) at += request.put(bytes.subspan(at));
        if (!request.is_done()) return std::nullopt;
        const auto view = request.view();
        return std::to_string(at) +
               canonical_request(view, parse_query(view.query), {}, sha256_hex(view.body));
    } catch (const RequestRefused&) {
        return std::nullopt;
    }
}

void go_on(ByteView bytes) {
    HttpRequest request(kBodyMax);
    try {
        (void)request.put(bytes);
        if (!request.is_done()) return;
        const auto view = request.view();
        const auto parameters = parse_query(view.query);
        v1::AssumeRoleRequest role;
        read_form(parse_form(view.body), role);
        v1::CreateSecretRequest create;
        read_json(view.body, create);
        Bytes out;
        write_json(create, out);
        v1::CreateSecretRequest again;
        read_json(out, again);
        expect(again.SerializeAsString() == create.SerializeAsString(), "what was written is read as it was");
        (void)SignatureVerifier::read(view, parameters, {"us-east-1", "secretsmanager"},
                                      Timestamp::from_millis(1'440'938'160'000));
    } catch (const RequestRefused&) {
        return;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const ByteView bytes(data + 1, size - 1);
    const std::size_t cut = bytes.empty() ? 0 : data[0] * bytes.size() / 256;
    expect(understood(bytes, cut) == understood(bytes, 0), "pieces are understood as the whole");
    go_on(bytes);
    return 0;
}
