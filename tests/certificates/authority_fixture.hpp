#pragma once
// Authorities whose keys are in a real token, and their revocation lists in a real database. The names of the
// authorities, and who brings their keys into the token, are in authority_test.cpp.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "daemon/certificates/authority.hpp"
#include "daemon/certificates/revocation_lists.hpp"
#include "service_environment.hpp"

namespace coffer::certificates {

class AuthorityTest : public ::testing::Test {
protected:
    void SetUp() override { execute("TRUNCATE issued_certificates, certificate_revocation_lists"); }

    static secrets::Environment& environment() { return secrets::Environment::get(); }
    static Timestamp now() { return environment().clock().now(); }
    static crypto::Hsm& hsm() { return environment().node().hsm(); }
    static std::filesystem::path file(const std::string& name) { return environment().token().dir() / name; }
    static std::shared_ptr<const Authority> authority(const std::string& name,
                                                      const std::string& crl_file = "") {
        AuthoritySettings settings;
        settings.name = name;
        settings.certificate = file(name + ".pem");
        if (!crl_file.empty()) settings.crl_file = file(crl_file);
        return std::make_shared<const Authority>(settings, hsm());
    }
    /// The tests' clock goes its own way: how far it is from the database's does not matter, but where that
    /// is what is tested.
    static constexpr std::chrono::hours kAnyTime{24 * 36'500};
    static void execute(const std::string& sql) {
        pqxx::connection connection(environment().conninfo());
        pqxx::work tx(connection);
        tx.exec(sql);
        tx.commit();
    }
    static RevocationLists::Next next(const RevocationLists& lists, const Authority& of,
                                      const std::vector<Revocation>& added) {
        return wait_for<RevocationLists::Next>([&](Completion<RevocationLists::Next> done) {
            environment().node().database().write<RevocationLists::Next>(
                {Priority::write, std::chrono::steady_clock::now() + std::chrono::seconds(30)},
                [&](storage::WriteTransaction& tx) { return lists.make_next(tx, of, added, now()); },
                std::move(done));
        });
    }
    static std::string revoked_in(const Bytes& list) {
        std::vector<std::string> serials;
        for (const auto& each : revocations_of(parse_crl(list).get())) serials.push_back(to_hex(each.serial));
        std::ranges::sort(serials);
        std::string text;
        for (const auto& serial : serials) text += (text.empty() ? "" : " ") + serial;
        return text;
    }
    static Revocation revoked(std::uint8_t serial) {
        return {Bytes{serial}, now(), RevocationReason::superseded};
    }
};

}  // namespace coffer::certificates
