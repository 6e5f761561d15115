// Keys fetched from a TLS server of the test's own.

#include "daemon/sts/fetched_keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "pki.hpp"
#include "sts_fixture.hpp"
#include "tls_peer.hpp"
#include "token_maker.hpp"

namespace coffer::sts {
namespace {

using ::testing::HasSubstr;
using testing::ScriptedAnswer;
using testing::TlsPeer;

class FetchedKeysTest : public ::testing::Test {
protected:
    FetchedKeysTest() : files_(folder_.path(), "localhost") {}

    /// "N keys", or why there are none, after the first fetch; PLACE is host and port.
    std::string first_fetch(std::string answer) {
        TlsPeer peer(files_, {{{std::move(answer)}}});
        std::promise<std::string> told;
        FetchedKeysConfig config;
        config.address = testing::target_of(files_, peer.port());
        config.path = "/keys?all=1";
        FetchedKeysEvents events;
        events.fetched = [&](std::size_t keys) { told.set_value(std::to_string(keys) + " keys"); };
        events.failed = [&](const std::string& reason) { told.set_value(reason); };
        const FetchedKeys source(config, clock_, events);
        auto text = told.get_future().get();
        EXPECT_EQ(source.keys() != nullptr, source.status().failures == 0);
        EXPECT_THAT(peer.received().at(0), ::testing::StartsWith("GET /keys?all=1 HTTP/1.1\r\n"));
        EXPECT_THAT(peer.received().at(0),
                    HasSubstr("\r\nAccept: application/jwk-set+json, application/json\r\n"));
        const auto place = "localhost:" + std::to_string(peer.port());
        if (text.starts_with(place)) text.replace(0, place.size(), "PLACE");
        return text;
    }

    testing::TemporaryFolder folder_;
    testing::PeerFiles files_;
    SystemClock clock_;
};

std::string answer_with(std::string_view body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string(body);
}

TEST_F(FetchedKeysTest, WhatTheFirstFetchSays) {
    const auto keys = TokenMaker("k1").key_set();
    EXPECT_EQ(first_fetch(answer_with(keys)), "1 keys");
    const auto most = keys + std::string(WebKeySet::kBytesMax - keys.size(), ' ');
    EXPECT_EQ(first_fetch(answer_with(most)), "1 keys");
    EXPECT_THAT(first_fetch(answer_with(most + " ")), HasSubstr("body limit exceeded"));
    // Also one that has keys, or says where they are, is none.
    EXPECT_EQ(first_fetch("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"),
              "PLACE/keys?all=1: answered with the status 302");
    auto error = answer_with(keys);
    error.replace(error.find("200 OK"), 6, "500 OK");
    EXPECT_EQ(first_fetch(error), "PLACE/keys?all=1: answered with the status 500");
    EXPECT_THAT(first_fetch(answer_with("{}")), ::testing::StartsWith("PLACE/keys?all=1: "));
}

TEST_F(FetchedKeysTest, AFetchThatHangsIsNotWaitedFor) {
    TlsPeer peer(files_, {{{"HTTP/1.1 200 OK\r\n"}}});
    FetchedKeysConfig config;
    config.address = testing::target_of(files_, peer.port());
    config.address.io_timeout = std::chrono::hours(1);  // the test has not
    FetchedKeys source(config, clock_, {});
    EXPECT_TRUE(peer.wait_for(1));
}

}  // namespace
}  // namespace coffer::sts
