// Do the answers about access agree with what really happens? Gives a user random policies (its own, its
// group's, a boundary, a secret's), does things as that user, and compares each outcome with
// SimulatePrincipalPolicy and WhoCan, asked as the administrator: once with where the request comes from,
// once without, when what hangs on that must be told as such. What follows from the question itself, such as
// secretsmanager:SecretId, is never said. Prints every disagreement with the policies that led to it. Exit
// code 0 when there is none.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

#include "client/client.hpp"

namespace {

using coffer::client::Client;
namespace v1 = coffer::v1;

const std::string kUser = "eve";
const std::string kGroup = "crew";
const std::string kEve = R"({"AWS":"arn:aws:iam::111122223333:user/eve"})";
constexpr std::array kSecrets{"agree/a", "agree/b", "other/c"};

/// Random, but the same for the same seed.
class Dice {
public:
    explicit Dice(unsigned seed) : engine_(seed) {}
    std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(engine_); }
    bool one_in(std::size_t n) { return below(n) == 0; }
    template <class Choices>
    std::string pick(const Choices& choices) {
        return std::string(choices[below(choices.size())]);
    }

private:
    std::mt19937 engine_;
};

std::string action(Dice& dice) {
    static constexpr std::array kActions{"secretsmanager:GetSecretValue",
                                         "secretsmanager:DescribeSecret",
                                         "secretsmanager:ListSecretVersionIds",
                                         "secretsmanager:Get*",
                                         "secretsmanager:*Secret*",
                                         "secretsmanager:Describe?ecret",
                                         "secretsmanager:*tag*",
                                         "secretsmanager:UpdateSecret",
                                         "sts:AssumeRole",
                                         "secretsmanager:*",
                                         "*",
                                         "iam:GetUser"};
    return dice.pick(kActions);
}

std::string resource(Dice& dice) {
    static constexpr std::array kResources{
        "*",
        "arn:aws:secretsmanager:*:*:secret:*",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:agree/*",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:agree/a-??????",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:other/c-*",
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:*",
        "arn:aws:secretsmanager:*:*:secret:${aws:username}/*"};
    return dice.pick(kResources);
}

std::string condition(Dice& dice) {
    static constexpr std::array kConditions{
        R"({"StringEquals":{"aws:ResourceTag/team":"payments"}})",
        R"({"StringNotEquals":{"aws:ResourceTag/team":"payments"}})",
        R"({"StringEqualsIfExists":{"aws:ResourceTag/team":"hr"}})",
        R"({"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}})",
        R"({"NotIpAddress":{"aws:SourceIp":["10.0.0.0/8","192.168.0.0/16"]}})",
        R"({"StringEquals":{"aws:SourceVpce":"local"}})",
        R"({"StringNotEquals":{"aws:SourceVpce":"local"}})",
        R"({"StringEquals":{"coffer:Protocol":"native"}})",
        R"({"StringEquals":{"secretsmanager:SecretPrimaryRegion":"us-east-1"}})",
        R"({"StringEquals":{"secretsmanager:Description":"d"}})",
        R"({"ForAllValues:StringEquals":{"aws:TagKeys":["team","x"]}})",
        R"({"StringLike":{"sts:RoleSessionName":"agree*"}})",
        R"({"Bool":{"aws:SecureTransport":"true"}})",
        R"({"Null":{"aws:ResourceTag/team":"true"}})",
        R"({"StringLike":{"aws:username":"e*"}})",
        R"({"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/eve"}})",
        R"({"ForAnyValue:StringEquals":{"secretsmanager:ResourceTag/team":["payments","x"]}})",
        R"({"DateLessThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}})",
        R"({"StringLike":{"secretsmanager:SecretId":"*agree/b-*"}})"};
    return dice.pick(kConditions);
}

/// `principal` is for a secret's policy. What denies is for eve alone: the administrator has to change it
/// later.
std::string statement(Dice& dice, const std::string& principal) {
    const bool denies = dice.one_in(4);
    std::string text = fmt::format(R"({{"Effect":"{}",)", denies ? "Deny" : "Allow");
    if (!principal.empty()) text += fmt::format(R"("Principal":{},)", denies ? kEve : principal);
    text += fmt::format(R"("{}":"{}",)", dice.one_in(6) ? "NotAction" : "Action", action(dice));
    text += fmt::format(R"("{}":"{}")", dice.one_in(6) ? "NotResource" : "Resource",
                        principal.empty() ? resource(dice) : "*");
    if (dice.one_in(3)) text += R"(,"Condition":)" + condition(dice);
    return text + "}";
}

std::string policy(Dice& dice, const std::string& principal = {}) {
    std::string text = R"({"Version":"2012-10-17","Statement":[)";
    const auto count = 1 + dice.below(3);
    for (std::size_t i = 0; i < count; ++i) text += (i == 0 ? "" : ",") + statement(dice, principal);
    return text + "]}";
}

/// Of the role: who may assume it.
std::string trust(Dice& dice) {
    static const std::array kTrusted{kEve, std::string(R"({"AWS":"111122223333"})"), std::string(R"("*")"),
                                     std::string(R"({"AWS":"arn:aws:iam::111122223333:user/somebody"})")};
    std::string text = R"({"Version":"2012-10-17","Statement":[)";
    const auto count = 1 + dice.below(2);
    for (std::size_t i = 0; i < count; ++i) {
        text += fmt::format(R"({}{{"Effect":"{}","Principal":{},"Action":"sts:AssumeRole")",
                            i == 0 ? "" : ",", dice.one_in(4) ? "Deny" : "Allow", dice.pick(kTrusted));
        if (dice.one_in(3)) text += R"(,"Condition":)" + condition(dice);
        text += "}";
    }
    return text + "]}";
}

/// What happened, or would.
struct Outcome {
    bool allowed = false;
    std::string text;
};

/// What somebody does, and the keys that its request has besides those that follow from the question.
struct Deed {
    std::string action;
    std::vector<std::pair<std::string, std::string>> keys{};
    /// Keys that such a request may have, and this one has not.
    std::vector<std::string> absent{};
};

/// Where the requests of this program come from.
const std::vector<std::pair<std::string, std::string>> kOrigin{
    {"aws:SourceIp", "127.0.0.1"}, {"aws:SourceVpce", "local"}, {"coffer:Protocol", "native"}};
const std::string kRole = "agree";
const std::string kRoleArn = "arn:aws:iam::111122223333:role/agree";
const std::string kSession = "agreement";

class Agreement {
public:
    Agreement(Client& admin, Client& eve, unsigned seed) : admin_(admin), eve_(eve), dice_(seed) {}

    void prepare() {
        for (std::size_t i = 0; i < kSecrets.size(); ++i) {
            v1::CreateSecretRequest request;
            request.set_name(kSecrets[i]);
            request.set_secret_string("v");
            if (i != 2) {
                auto* tag = request.add_tags();
                tag->set_key("team");
                tag->set_value(i == 0 ? "payments" : "hr");
            }
            arns_.push_back(admin_.create_secret(std::move(request)).arn());
        }
        call([](v1::Request& r) {
            r.mutable_create_role()->set_role_name(kRole);
            r.mutable_create_role()->set_assume_role_policy_document(
                R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}})");
        });
        call([](v1::Request& r) { r.mutable_create_group()->set_group_name(kGroup); });
        call([](v1::Request& r) {
            auto& add = *r.mutable_add_user_to_group();
            add.set_group_name(kGroup);
            add.set_user_name(kUser);
        });
    }

    /// One set of policies, every action on every secret; how many disagreed.
    unsigned round() {
        set_policies();
        unsigned wrong = 0;
        const std::vector<Deed> deeds{{"secretsmanager:GetSecretValue"},
                                      {"secretsmanager:DescribeSecret"},
                                      {"secretsmanager:ListSecretVersionIds"},
                                      {"secretsmanager:UpdateSecret", {{"secretsmanager:Description", "d"}}},
                                      {"secretsmanager:UntagResource", {{"aws:TagKeys", "nothing"}}}};
        for (std::size_t i = 0; i < kSecrets.size(); ++i) {
            for (const auto& deed : deeds) wrong += compare(deed, kSecrets[i], arns_[i]);
        }
        const Deed assume{"sts:AssumeRole",
                          {{"sts:RoleSessionName", kSession}, {"sts:DurationSeconds", "3600"}},
                          {"aws:TagKeys"}};
        wrong += compare(assume, kRoleArn, kRoleArn);
        return wrong;
    }

    [[nodiscard]] unsigned allowed() const { return allowed_; }
    [[nodiscard]] unsigned refused() const { return refused_; }
    /// Answers that hung on where the request comes from.
    [[nodiscard]] unsigned depending() const { return depending_; }

private:
    template <class Fill>
    v1::Response call(Fill fill) {
        v1::Request request;
        fill(request);
        return admin_.call(std::move(request));
    }

    void set_policies() {
        shown_.clear();
        const auto own = policy(dice_);
        call([&](v1::Request& r) {
            auto& put = *r.mutable_put_user_policy();
            put.set_user_name(kUser);
            put.set_policy_name("own");
            put.set_policy_document(own);
        });
        const auto group = policy(dice_);
        call([&](v1::Request& r) {
            auto& put = *r.mutable_put_group_policy();
            put.set_group_name(kGroup);
            put.set_policy_name("group");
            put.set_policy_document(group);
        });
        const auto trusted = trust(dice_);
        call([&](v1::Request& r) {
            auto& update = *r.mutable_update_assume_role_policy();
            update.set_role_name(kRole);
            update.set_policy_document(trusted);
        });
        shown_ = "user: " + own + "\ngroup: " + group + "\ntrust of the role: " + trusted;
        set_boundary();
        for (const auto* secret : kSecrets) set_resource_policy(secret);
    }

    void set_boundary() {
        if (!dice_.one_in(3)) {
            if (!bounded_) return;
            call([](v1::Request& r) { r.mutable_delete_user_permissions_boundary()->set_user_name(kUser); });
            bounded_ = false;
            return;
        }
        const auto document = policy(dice_);
        const auto name = "boundary-" + std::to_string(++boundaries_);
        const auto made = call([&](v1::Request& r) {
            auto& create = *r.mutable_create_policy();
            create.set_policy_name(name);
            create.set_policy_document(document);
        });
        const auto arn = made.create_policy().policy().arn();
        call([&](v1::Request& r) {
            auto& put = *r.mutable_put_user_permissions_boundary();
            put.set_user_name(kUser);
            put.set_permissions_boundary(arn);
        });
        if (!boundary_.empty()) {
            call([&](v1::Request& r) { r.mutable_delete_policy()->set_policy_arn(boundary_); });
        }
        boundary_ = arn;
        bounded_ = true;
        shown_ += "\nboundary: " + document;
    }

    void set_resource_policy(const std::string& secret) {
        if (!dice_.one_in(2)) {
            v1::DeleteResourcePolicyRequest request;
            request.set_secret_id(secret);
            static_cast<void>(admin_.delete_resource_policy(std::move(request)));
            return;
        }
        static const std::array kPrincipals{std::string(R"("*")"), kEve,
                                            std::string(R"({"AWS":"111122223333"})")};
        v1::PutResourcePolicyRequest request;
        request.set_secret_id(secret);
        auto document = policy(dice_, dice_.pick(kPrincipals));
        request.set_resource_policy(document);
        try {
            static_cast<void>(admin_.put_resource_policy(std::move(request)));
            shown_ += "\n" + secret + ": " + document;
        } catch (const coffer::client::ServiceError& error) {
            // A policy that would shut its author out, or lets everybody in, is refused: the old one stays.
            shown_ += "\n" + secret + ": (as before; refused: " + error.what() + ")";
        }
    }

    v1::Request request_for(const std::string& action, const std::string& resource) {
        v1::Request request;
        if (action == "sts:AssumeRole") {
            request.mutable_assume_role()->set_role_arn(resource);
            request.mutable_assume_role()->set_role_session_name(kSession);
        } else if (action == "secretsmanager:GetSecretValue") {
            request.mutable_get_secret_value()->set_secret_id(resource);
        } else if (action == "secretsmanager:DescribeSecret") {
            request.mutable_describe_secret()->set_secret_id(resource);
        } else if (action == "secretsmanager:UpdateSecret") {
            request.mutable_update_secret()->set_secret_id(resource);
            request.mutable_update_secret()->set_description("d");
        } else if (action == "secretsmanager:UntagResource") {
            request.mutable_untag_resource()->set_secret_id(resource);
            request.mutable_untag_resource()->add_tag_keys("nothing");
        } else {
            request.mutable_list_secret_version_ids()->set_secret_id(resource);
        }
        return request;
    }

    Outcome really(const std::string& action, const std::string& resource) {
        try {
            static_cast<void>(eve_.call(request_for(action, resource)));
            return {true, "done"};
        } catch (const coffer::client::ServiceError& error) {
            if (error.code() != v1::ACCESS_DENIED) throw;
            return {false, error.what()};
        }
    }

    template <class Entries>
    static void fill_context(Entries& entries, const Deed& deed, bool with_origin) {
        const auto add = [&](const std::pair<std::string, std::string>& key) {
            auto& entry = *entries.Add();
            entry.set_context_key_name(key.first);
            entry.add_context_key_values(key.second);
        };
        for (const auto& key : deed.keys) add(key);
        for (const auto& key : deed.absent) entries.Add()->set_context_key_name(key);
        if (!with_origin) return;
        for (const auto& key : kOrigin) add(key);
    }

    Outcome simulated(const Deed& deed, const std::string& arn) {
        const auto answer = call([&](v1::Request& r) {
            auto& simulate = *r.mutable_simulate_principal_policy();
            simulate.set_policy_source_arn("arn:aws:iam::111122223333:user/" + kUser);
            simulate.add_action_names(deed.action);
            simulate.add_resource_arns(arn);
            fill_context(*simulate.mutable_context_entries(), deed, true);
        });
        const auto& decision = answer.simulate_principal_policy().evaluation_results(0).eval_decision();
        return {decision == "allowed", decision};
    }

    v1::WhoCanResponse who_can(const Deed& deed, const std::string& arn, bool with_origin) {
        return call([&](v1::Request& r) {
                   auto& who = *r.mutable_who_can();
                   who.set_action(deed.action);
                   who.set_resource(arn);
                   fill_context(*who.mutable_context_entries(), deed, with_origin);
               })
            .who_can();
    }
    template <class Grants>
    static bool lists_eve(const Grants& grants) {
        return std::any_of(grants.begin(), grants.end(),
                           [](const auto& grant) { return grant.principal().ends_with("user/" + kUser); });
    }

    /// How many of the answers disagree with what happened: 0 or 1.
    unsigned compare(const Deed& deed, const std::string& resource, const std::string& arn) {
        const auto real = really(deed.action, resource);
        const auto simulation = simulated(deed, arn);
        const auto who = who_can(deed, arn, true);
        const bool listed = lists_eve(who.grants());
        // Without the origin the answer may be that it depends, never the opposite.
        const auto vague = who_can(deed, arn, false);
        const bool certain = lists_eve(vague.grants());
        const bool depends = lists_eve(vague.conditional_grants());
        ++(real.allowed ? allowed_ : refused_);
        depending_ += depends ? 1 : 0;
        const bool agreed = real.allowed == simulation.allowed && real.allowed == listed &&
                            !lists_eve(who.conditional_grants()) &&
                            (real.allowed ? certain || depends : !certain);
        if (agreed) return 0;
        fmt::print("{} on {}: really {}; simulate says {}, who-can {}; without the origin {}\n{}\n\n",
                   deed.action, resource, real.text, simulation.text, listed ? "listed" : "not listed",
                   certain   ? "listed"
                   : depends ? "depends"
                             : "not listed",
                   shown_);
        return 1;
    }

    Client& admin_;
    Client& eve_;
    Dice dice_;
    std::vector<std::string> arns_;
    std::string boundary_;  ///< the managed policy that was one last
    bool bounded_ = false;
    unsigned boundaries_ = 0;
    std::string shown_;
    unsigned allowed_ = 0;
    unsigned refused_ = 0;
    unsigned depending_ = 0;
};

int run(const std::string& certificate, const std::string& key, unsigned sets, unsigned seed) {
    auto config = coffer::client::load_config();
    Client admin(config);
    config.cert_file = certificate;
    config.key_file = key;
    Client eve(config);
    Agreement agreement(admin, eve, seed);
    agreement.prepare();
    unsigned wrong = 0;
    for (unsigned i = 0; i < sets; ++i) wrong += agreement.round();
    fmt::print(
        "{} sets of policies, seed {}: {} requests allowed, {} refused, {} answers that depend, {} "
        "disagreements\n",
        sets, seed, agreement.allowed(), agreement.refused(), agreement.depending(), wrong);
    // Something of each must have been seen, or nothing was compared.
    return wrong == 0 && agreement.allowed() > sets / 10 && agreement.refused() > sets / 10 &&
                   agreement.depending() > sets / 10
               ? 0
               : 1;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "Compares answers about access with what really happens. Coffer is found as by the coffer command."};
    std::string certificate;
    std::string key;
    unsigned sets = 1000;
    unsigned seed = 20261125;
    app.add_option("--certificate", certificate, "of the user eve")->required();
    app.add_option("--key", key, "its key")->required();
    app.add_option("--sets", sets, "sets of policies");
    app.add_option("--seed", seed, "the same seed gives the same policies");
    CLI11_PARSE(app, argc, argv);
    try {
        return run(certificate, key, sets, seed);
    } catch (const std::exception& error) {
        fmt::print(stderr, "e2e_agreement: {}\n", error.what());
        return 1;
    }
}
