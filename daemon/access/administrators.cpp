#include "daemon/access/administrators.hpp"

#include <utility>

namespace coffer::access {

Administrators::Administrators(std::set<std::string> principals, std::string account)
    : principals_(std::move(principals)),
      account_(std::move(account)),
      everything_(Policy::parse(
          R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})",
          "administrators", {.kind = DocumentKind::identity})) {}

RightsPtr Administrators::rights_of(const std::string& principal) const {
    Rights rights;
    rights.principal.arn = principal;
    rights.principal.account = account_;
    rights.principal.id = principal;
    rights.principal.name = principal;
    if (principals_.contains(principal)) rights.identity.push_back(everything_);
    return std::make_shared<const Rights>(std::move(rights));
}

}  // namespace coffer::access
