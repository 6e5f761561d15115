// Signature Version 4 against an independent signer: random requests that botocore signed are accepted, and
// each of them with one bit changed is refused.

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <cstdio>
#include <memory>
#include <random>

#include "daemon/aws/request_refused.hpp"
#include "daemon/aws/sigv4_verifier.hpp"

namespace coffer::aws {
namespace {

constexpr int kRequests = 10'000;

struct SignedRequest {
    std::string method;
    std::string path;
    std::string query;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::string secret;
    std::optional<std::string> token;
    SignatureScope scope;
    Timestamp time;
};

std::string text_of(const boost::json::value& value) {
    return std::string(value.as_string());
}

SignedRequest read_line(std::string_view line) {
    const auto value = boost::json::parse(boost::json::string_view(line.data(), line.size()));
    SignedRequest request;
    request.method = text_of(value.at("method"));
    request.path = text_of(value.at("path"));
    request.query = text_of(value.at("query"));
    for (const auto& header : value.at("headers").as_array()) {
        request.headers.emplace_back(text_of(header.at(0)), text_of(header.at(1)));
    }
    const auto body = from_hex(text_of(value.at("body")));
    request.body = as_text(body);
    request.secret = text_of(value.at("secret"));
    if (value.at("token").is_string()) request.token = text_of(value.at("token"));
    request.scope = {text_of(value.at("region")), text_of(value.at("service"))};
    request.time = Timestamp::from_millis(value.at("time").as_int64() * 1000);
    return request;
}

/// "accepted", "mismatch", or the name of the refusal. `token`: receives the session token.
std::string verdict(SignatureVerifier& verifier, const SignedRequest& request,
                    std::optional<std::string>* token = nullptr) {
    std::vector<HttpHeader> headers;
    for (const auto& [name, value] : request.headers) headers.push_back({name, value});
    const HttpRequestView view{request.method, request.path, request.query, headers, as_bytes(request.body)};
    try {
        const auto checked =
            SignatureVerifier::read(view, parse_query(request.query), request.scope, request.time);
        if (token != nullptr) *token = checked.signature.session_token;
        return verifier.matches(checked, as_bytes(request.secret), true) ? "accepted" : "mismatch";
    } catch (const RequestRefused& refused) {
        return std::string(refused.name());
    }
}

class Changes {
public:
    explicit Changes(unsigned seed) : random_(seed) {}

    void flip_a_bit(std::string& text) {
        auto& character = text.at(random_() % text.size());
        character = static_cast<char>(static_cast<unsigned char>(character) ^ (1U << (random_() % 8)));
    }

    /// One that is not part of a percent-encoding: their digits may be of either case.
    void flip_a_bit_of_query(std::string& query) {
        while (true) {
            auto changed = query;
            const auto at = random_() % query.size();
            const bool encoded =
                query[at] == '%' || (at >= 1 && query[at - 1] == '%') || (at >= 2 && query[at - 2] == '%');
            if (encoded) continue;
            changed[at] =
                static_cast<char>(static_cast<unsigned char>(changed[at]) ^ (1U << (random_() % 8)));
            query = changed;
            return;
        }
    }

private:
    std::mt19937 random_;
};

/// Everything that is signed, with one bit changed, one after another.
std::vector<SignedRequest> one_bit_changes(const SignedRequest& request, Changes& changes) {
    std::vector<SignedRequest> all;
    const auto add = [&](auto change) {
        auto changed = request;
        change(changed);
        all.push_back(std::move(changed));
    };
    add([&](auto& changed) { changes.flip_a_bit(changed.method); });
    add([&](auto& changed) { changes.flip_a_bit(changed.secret); });
    if (!request.body.empty()) add([&](auto& changed) { changes.flip_a_bit(changed.body); });
    if (request.path.size() > 1) {
        // Not a slash: two of them in a row mean the same as one.
        add([&](auto& changed) {
            const auto at = changed.path.find_last_not_of('/');
            changed.path[at] = static_cast<char>(changed.path[at] ^ 2);
        });
    }
    if (!request.query.empty()) add([&](auto& changed) { changes.flip_a_bit_of_query(changed.query); });
    for (std::size_t i = 0; i < request.headers.size(); ++i) {
        if (request.headers[i].first == "Authorization") continue;  // its blanks and commas may be others
        add([&](auto& changed) { changes.flip_a_bit(changed.headers[i].second); });
    }
    const auto authorization =
        std::ranges::find(request.headers, "Authorization", &std::pair<std::string, std::string>::first);
    if (authorization != request.headers.end()) {
        const auto index = static_cast<std::size_t>(authorization - request.headers.begin());
        add([&](auto& changed) {
            auto& value = changed.headers[index].second;
            auto mac = value.substr(value.size() - 64);
            changes.flip_a_bit(mac);
            value.replace(value.size() - 64, 64, mac);
        });
    }
    return all;
}

/// Blanks around a value and repeated ones mean nothing, so that a change of them is none.
bool is_same_when_folded(const SignedRequest& one, const SignedRequest& other) {
    for (std::size_t i = 0; i < one.headers.size(); ++i) {
        if (canonical_value(one.headers[i].second) != canonical_value(other.headers[i].second)) return false;
    }
    return one.method == other.method && one.path == other.path && one.query == other.query &&
           one.body == other.body && one.secret == other.secret;
}

TEST(SigV4Botocore, AcceptsWhatItSignedAndNothingThatDiffersByABit) {
    const std::string command = std::string(SIGV4_SIGN) + " " + std::to_string(kRequests) + " 4";
    const std::unique_ptr<FILE, int (*)(FILE*)> signer(::popen(command.c_str(), "r"), &::pclose);
    ASSERT_TRUE(signer);
    SignatureVerifier verifier;
    Changes changes(4);
    std::string line(1 << 16, '\0');
    int seen = 0;
    std::size_t refused = 0;
    while (std::fgets(line.data(), static_cast<int>(line.size()), signer.get()) != nullptr) {
        const auto request = read_line(std::string_view(line.data()));
        std::optional<std::string> token;
        ASSERT_EQ(verdict(verifier, request, &token), "accepted") << line.data();
        ASSERT_EQ(token, request.token) << line.data();
        for (const auto& changed : one_bit_changes(request, changes)) {
            if (is_same_when_folded(request, changed)) continue;
            const auto answer = verdict(verifier, changed);
            ASSERT_NE(answer, "accepted") << line.data();
            ++refused;
        }
        ++seen;
    }
    EXPECT_EQ(seen, kRequests)
        << "the signer needs Debian's python3-boto3 (deploy/install-packages.sh --tests)";
    EXPECT_GT(refused, 5U * kRequests);
}

}  // namespace
}  // namespace coffer::aws
