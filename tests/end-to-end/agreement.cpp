// Do the answers about access agree with what really happens? Gives a user random policies (its own, its
// group's, a boundary, a secret's), does things as that user, and compares each outcome with
// SimulatePrincipalPolicy and WhoCan, asked as the administrator. Prints every disagreement with the policies
// that led to it. Exit code 0 when there is none.

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

/// What happened, or would.
struct Outcome {
    bool allowed = false;
    std::string text;
};

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
        for (std::size_t i = 0; i < kSecrets.size(); ++i) {
            for (const auto* name : {"GetSecretValue", "DescribeSecret", "ListSecretVersionIds"}) {
                wrong += compare(name, i) ? 0 : 1;
            }
        }
        return wrong;
    }

    [[nodiscard]] unsigned allowed() const { return allowed_; }
    [[nodiscard]] unsigned refused() const { return refused_; }

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
        shown_ = "user: " + own + "\ngroup: " + group;
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

    Outcome really(const std::string& name, const std::string& secret) {
        try {
            if (name == "GetSecretValue") {
                v1::GetSecretValueRequest request;
                request.set_secret_id(secret);
                static_cast<void>(eve_.get_secret_value(std::move(request)));
            } else if (name == "DescribeSecret") {
                v1::DescribeSecretRequest request;
                request.set_secret_id(secret);
                static_cast<void>(eve_.describe_secret(std::move(request)));
            } else {
                v1::ListSecretVersionIdsRequest request;
                request.set_secret_id(secret);
                static_cast<void>(eve_.list_secret_version_ids(std::move(request)));
            }
            return {true, "done"};
        } catch (const coffer::client::ServiceError& error) {
            if (error.code() != v1::ACCESS_DENIED) throw;
            return {false, error.what()};
        }
    }

    template <class Entries>
    void fill_context(Entries& entries, const std::string& arn) {
        const auto add = [&](const std::string& key, const std::string& value) {
            auto& entry = *entries.Add();
            entry.set_context_key_name(key);
            entry.add_context_key_values(value);
        };
        add("aws:SourceIp", "127.0.0.1");
        add("aws:SourceVpce", "local");
        add("secretsmanager:SecretId", arn);
    }

    Outcome simulated(const std::string& name, const std::string& arn) {
        const auto answer = call([&](v1::Request& r) {
            auto& simulate = *r.mutable_simulate_principal_policy();
            simulate.set_policy_source_arn("arn:aws:iam::111122223333:user/" + kUser);
            simulate.add_action_names("secretsmanager:" + name);
            simulate.add_resource_arns(arn);
            fill_context(*simulate.mutable_context_entries(), arn);
        });
        const auto& decision = answer.simulate_principal_policy().evaluation_results(0).eval_decision();
        return {decision == "allowed", decision};
    }

    Outcome can(const std::string& name, const std::string& arn) {
        const auto answer = call([&](v1::Request& r) {
            auto& who = *r.mutable_who_can();
            who.set_action("secretsmanager:" + name);
            who.set_resource(arn);
            fill_context(*who.mutable_context_entries(), arn);
        });
        const auto& grants = answer.who_can().grants();
        const bool there = std::any_of(grants.begin(), grants.end(), [](const auto& grant) {
            return grant.principal().ends_with("user/" + kUser);
        });
        return {there, there ? "listed" : "not listed"};
    }

    bool compare(const std::string& name, std::size_t secret) {
        const auto real = really(name, kSecrets[secret]);
        const auto simulation = simulated(name, arns_[secret]);
        const auto who = can(name, arns_[secret]);
        ++(real.allowed ? allowed_ : refused_);
        if (real.allowed == simulation.allowed && real.allowed == who.allowed) return true;
        fmt::print("{} on {}: really {}; simulate says {}, who-can {}\n{}\n\n", name, kSecrets[secret],
                   real.text, simulation.text, who.text, shown_);
        return false;
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
    fmt::print("{} sets of policies, seed {}: {} requests allowed, {} refused, {} disagreements\n", sets,
               seed, agreement.allowed(), agreement.refused(), wrong);
    // Something of each must have been seen, or nothing was compared.
    return wrong == 0 && agreement.allowed() > sets / 10 && agreement.refused() > sets / 10 ? 0 : 1;
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
