#include "daemon/access/administrators.hpp"

#include <gtest/gtest.h>

namespace coffer::access {
namespace {

TEST(Administrators, MayDoEverything) {
    const Administrators administrators({"spiffe://bank.example/admin"});
    EXPECT_NO_THROW(
        administrators.require({"spiffe://bank.example/admin", "native", "127.0.0.1"}, "DeleteSecret", "*"));
}

TEST(Administrators, EverybodyElseIsToldWhatWasRefused) {
    const Administrators administrators({"spiffe://bank.example/admin"});
    for (const std::string principal :
         {"", "admin", "spiffe://bank.example/admin/x", "SPIFFE://bank.example/admin"}) {
        try {
            administrators.require({principal, "native", "127.0.0.1"}, "GetSecretValue", "app/db");
            ADD_FAILURE() << principal << " was let through";
        } catch (const AccessDenied& e) {
            EXPECT_EQ(std::string(e.what()),
                      "User: " + principal +
                          " is not authorized to perform: secretsmanager:GetSecretValue on "
                          "resource: app/db because no identity-based policy allows the "
                          "secretsmanager:GetSecretValue action");
        }
    }
}

}  // namespace
}  // namespace coffer::access
