#pragma once
// A request of a test, in the forms that both evaluators take.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/access/evaluation.hpp"
#include "plain_evaluator.hpp"

namespace coffer::access::test {

/// "arn:aws:secretsmanager:us-east-1:111122223333:secret:"
inline constexpr std::string_view kSecretArn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:";

struct TestRequest {
    Principal principal;
    Action action = Action::get_secret_value;
    std::string resource = "*";
    std::vector<Tag> resource_tags;
    std::vector<Tag> request_tags;
    std::vector<std::pair<std::string, std::vector<std::string>>> context;
    std::optional<Timestamp> time;

    /// Refers to this object's principal.
    [[nodiscard]] RequestContext compiled() const;
    [[nodiscard]] plain::Request plain() const;
};

/// The texts of the policies of one decision, in both forms.
class TestPolicies {
public:
    void add_identity(const std::string& text, std::string name);
    void add_session(const std::string& text, std::string name);
    void set_boundary(const std::string& text, std::string name);
    /// A trust policy when the action is sts:AssumeRole. `ids` are what its principals' ARNs meant when it
    /// was put.
    void set_resource(const std::string& text, std::string name, DocumentKind kind = DocumentKind::resource,
                      const PrincipalIds& ids = {});
    void set_listener(const std::string& text, std::string name);
    void set_stored_listener(const std::string& text, std::string name);

    /// Refers to this object.
    [[nodiscard]] PolicySet compiled() const;
    [[nodiscard]] const plain::Policies& plain() const { return plain_; }

private:
    std::vector<PolicyPtr> identity_;
    std::vector<PolicyPtr> session_;
    PolicyPtr boundary_;
    PolicyPtr resource_;
    PolicyPtr listener_;
    PolicyPtr stored_listener_;
    plain::Policies plain_;
};

/// User alice, AIDAEXAMPLEALICE, of account 111122223333.
[[nodiscard]] Principal alice();
/// A session of a role: arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION.
[[nodiscard]] Principal role_session(const std::string& account, const std::string& role,
                                     const std::string& id, const std::string& session);

}  // namespace coffer::access::test
