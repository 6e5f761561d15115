#pragma once
// What a pre-flight of a rotation looks at, one thing after the other.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/secret_fields.hpp"

namespace coffer::rotation {

class CheckList {
public:
    /// Calls `what`: passed, with `good` as its message, or failed with that of the Error it throws.
    template <class Look>
    bool look(std::string name, std::string good, const Look& what) {
        try {
            what();
            checks_.push_back({std::move(name), Check::Outcome::passed, std::move(good)});
            return true;
        } catch (const Error& failed) {
            checks_.push_back({std::move(name), Check::Outcome::failed, failed.what()});
            return false;
        }
    }
    /// What is looked at first wherever a secret logs in: "value", whether `make` throws, and "login",
    /// whether `logs_in(fields)` of AWSCURRENT's `value`; else the check says `refused`. The fields when both
    /// passed.
    template <class Make, class LogsIn>
    std::optional<SecretFields> look_at_login(const crypto::SecretBytes& value, const Make& make,
                                              const LogsIn& logs_in, const std::string& refused) {
        if (!look("value", "the fields that are needed are there", make)) return std::nullopt;
        auto fields = SecretFields::parse(value);
        const bool works = look("login", "the server takes the login of AWSCURRENT", [&] {
            if (!logs_in(fields)) throw StepFailed(StepFailed::Kind::hopeless, refused);
        });
        if (!works) return std::nullopt;
        return fields;
    }
    void pass_over(std::string name, std::string why) {
        checks_.push_back({std::move(name), Check::Outcome::skipped, std::move(why)});
    }
    [[nodiscard]] std::vector<Check> take() { return std::exchange(checks_, {}); }

private:
    std::vector<Check> checks_;
};

}  // namespace coffer::rotation
