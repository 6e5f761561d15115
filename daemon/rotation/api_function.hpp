#pragma once
// Keys of somebody's HTTPS API: the configuration says with which call a key is made, tried and removed. The
// secret is a JSON object; what a call needs of it, or of an administrator's secret, stands in the call's
// texts as ${field}.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/rotation/exchange_function.hpp"
#include "daemon/rotation/text_template.hpp"

namespace coffer::rotation {

/// One call of the API.
struct ApiCall {
    std::string method = "GET";
    TextTemplate path;
    std::map<std::string, TextTemplate> headers;
    std::string content_type;  ///< empty: there is no body
    TextTemplate body;
    /// How values are put into the body.
    Escape body_escape = Escape::json;
};

struct ApiSettings {
    HttpsServer server;
    /// Makes a key. Its places are AWSCURRENT's fields.
    ApiCall create;
    /// Fields of the new value, and where they are in create's answer (JSON pointers, RFC 6901).
    std::map<std::string, std::string> take;
    /// create may be sent again when its answer was lost.
    bool repeatable = false;
    /// Tries a key. Its places are the new value's fields.
    std::optional<ApiCall> test;
    /// Removes the key before the one that becomes AWSPREVIOUS. Its places are that value's fields, and
    /// ${new.FIELD} the new value's.
    std::optional<ApiCall> remove;
    /// Name of the secret whose fields are ${admin.FIELD}; empty: there is none.
    std::string admin_secret;
};

class ApiFunction final : public ExchangeFunction {
public:
    explicit ApiFunction(ApiSettings settings)
        : ExchangeFunction(settings.server, !settings.repeatable), settings_(std::move(settings)) {}
    [[nodiscard]] std::string_view kind() const noexcept override { return "api"; }
    [[nodiscard]] std::vector<Check> check(const StepContext& context, SecretValues& values) override;

protected:
    [[nodiscard]] HttpsRequest request(const StepContext& context, SecretValues& values,
                                       const crypto::SecretBytes& current) override;
    [[nodiscard]] crypto::SecretBytes value_from(const HttpsAnswer& answer,
                                                 const crypto::SecretBytes& current,
                                                 SecretValues& values) override;
    [[nodiscard]] std::string said(const HttpsAnswer& answer) const override;
    [[nodiscard]] std::string remedy(const HttpsAnswer& answer) const override;
    [[nodiscard]] std::string when_lost() const override;
    void test(const StepContext& context, const crypto::SecretBytes& value) override;
    void finish(const StepContext& context, SecretValues& values,
                const crypto::SecretBytes& pending) override;

private:
    struct Fields;
    [[nodiscard]] Fields fields_of(const StepContext& context, SecretValues& values,
                                   const crypto::SecretBytes& subject) const;
    [[nodiscard]] HttpsRequest request_of(const ApiCall& call, const Fields& fields) const;

    const ApiSettings settings_;
};

}  // namespace coffer::rotation
