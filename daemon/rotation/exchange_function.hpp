#pragma once
// Functions whose new value is a server's answer: a key that an API makes, a token that a provider hands out.
// Where asking twice could do harm, a lost answer is not asked for again by itself.

#include <string>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/https_call.hpp"
#include "daemon/rotation/secret_fields.hpp"

namespace coffer::rotation {

class ExchangeFunction : public ValueFunction {
public:
    [[nodiscard]] Target target() const noexcept final { return Target::asked_for; }

protected:
    /// `once`: AWSCURRENT's value may be used up by the call, or something is made by it that nobody would
    /// know of.
    ExchangeFunction(HttpsServer server, bool once) : server_(std::move(server)), once_(once) {}

    [[nodiscard]] const HttpsServer& server() const noexcept { return server_; }

    /// The call that the new value is got with.
    [[nodiscard]] virtual HttpsRequest request(const StepContext& context, SecretValues& values,
                                               const crypto::SecretBytes& current) = 0;
    /// The new value, from an answer that tells of success. Throws StepFailed when it is not in there.
    [[nodiscard]] virtual crypto::SecretBytes value_from(const HttpsAnswer& answer,
                                                         const crypto::SecretBytes& current,
                                                         SecretValues& values) = 0;
    /// What the server answered, without anything secret: "... answered with the status 503".
    [[nodiscard]] virtual std::string said(const HttpsAnswer& answer) const = 0;
    /// What to do about an answer of 4xx; begins with ": ".
    [[nodiscard]] virtual std::string remedy(const HttpsAnswer& answer) const = 0;
    /// What may have happened when the answer was lost, and what to do; begins with ": ".
    [[nodiscard]] virtual std::string when_lost() const = 0;

    /// The answer's members. Throws StepFailed when it is no JSON object.
    [[nodiscard]] static SecretFields members_of(const HttpsAnswer& answer);
    /// The text at a JSON pointer of those; nothing where there is none. Throws StepFailed for another type.
    [[nodiscard]] static std::optional<std::string_view> text_at(const SecretFields& answer,
                                                                 const std::string& pointer);

    void create(const StepContext& context, SecretValues& values) final;
    [[nodiscard]] crypto::SecretBytes make(const StepContext& context, SecretValues& values,
                                           const crypto::SecretBytes& current) final;
    void set(const StepContext& /*context*/, SecretValues& /*values*/,
             const crypto::SecretBytes& /*pending*/) final {}

private:
    /// value_from(); throws StepFailed for whatever is wrong with the answer.
    [[nodiscard]] crypto::SecretBytes read_value(const HttpsAnswer& answer,
                                                 const crypto::SecretBytes& current, SecretValues& values);

    const HttpsServer server_;
    const bool once_;
};

}  // namespace coffer::rotation
