#include "daemon/access/administrators.hpp"

#include <gtest/gtest.h>

#include "daemon/access/request_context.hpp"

namespace coffer::access {
namespace {

Decision decision_for(const Administrators& administrators, const std::string& principal) {
    const auto rights = administrators.rights_of(principal);
    const RequestContext request(rights->principal, Action::delete_secret,
                                 "arn:aws:secretsmanager:eu-test-1:111122223333:secret:app/db-a1b2c3");
    return decide(request, rights->with(nullptr, nullptr));
}

TEST(Administrators, MayDoEverythingAndNobodyElseAnything) {
    const Administrators administrators({"spiffe://bank.example/admin"}, "111122223333");
    EXPECT_TRUE(decision_for(administrators, "spiffe://bank.example/admin").allowed());
    for (const std::string principal :
         {"", "admin", "spiffe://bank.example/admin/x", "SPIFFE://bank.example/admin", "*"}) {
        EXPECT_EQ(decision_for(administrators, principal).outcome, Outcome::implicit_deny) << principal;
    }
}

}  // namespace
}  // namespace coffer::access
