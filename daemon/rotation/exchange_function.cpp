#include "daemon/rotation/exchange_function.hpp"

#include <algorithm>
#include <array>

namespace coffer::rotation {

using crypto::SecretBytes;
using Kind = StepFailed::Kind;

namespace {

constexpr unsigned kServerErrors = 500;
constexpr unsigned kTooManyRequests = 429;
/// With which a server refuses a request that it has not carried out. Others (a gateway's 503, a redirection,
/// 409) may come after it was.
constexpr std::array<unsigned, 9> kRefusals{400, 401, 403, 404, 405, 413, 415, 422, kTooManyRequests};

}  // namespace

SecretBytes ExchangeFunction::read_value(const HttpsAnswer& answer, const SecretBytes& current,
                                         SecretValues& values) try {
    return value_from(answer, current, values);
} catch (const StepFailed&) {
    throw;
} catch (const std::exception& error) {
    throw StepFailed(Kind::retry, error.what());
}

SecretFields ExchangeFunction::members_of(const HttpsAnswer& answer) {
    try {
        return SecretFields::parse(answer.body);
    } catch (const StepFailed&) {
        // Its words are those for a secret's value.
        throw StepFailed(Kind::hopeless, "the answer is no JSON object");
    }
}

std::optional<std::string_view> ExchangeFunction::text_at(const SecretFields& answer,
                                                          const std::string& pointer) {
    try {
        return answer.find_at(pointer);
    } catch (const StepFailed&) {
        throw StepFailed(Kind::hopeless, "what the answer has at " + pointer + " is no text");
    }
}

void ExchangeFunction::create(const StepContext& context, SecretValues& values) {
    const auto current = values.current();
    auto asked = request(context, values, current);
    asked.once = once_;
    // Where asking twice does no harm, an outcome that is not known is as good as none.
    const auto unknown = once_ ? Kind::unknown : Kind::retry;
    HttpsAnswer answer;
    try {
        answer = call(server_, asked, context.patience(), [&] {
            if (once_) values.begin_exchange();
        });
    } catch (const CallFailed& failed) {
        if (!failed.sent() || !once_) throw;
        throw StepFailed(unknown, failed.what() + when_lost());
    }
    if (answer.is_success()) {
        SecretBytes value;
        try {
            value = read_value(answer, current, values);
        } catch (const StepFailed& failed) {
            throw StepFailed(unknown, said(answer) + " and without what is needed (" + failed.what() + ")" +
                                          (once_ ? when_lost() : std::string()));
        }
        if (once_) {
            values.put_exchanged(std::move(value));
        } else {
            values.put_pending(std::move(value));
        }
        return;
    }
    const bool refused = std::ranges::find(kRefusals, answer.status) != kRefusals.end();
    if (once_ && !refused) throw StepFailed(Kind::unknown, said(answer) + when_lost());
    if (once_) values.undo_exchange();
    const bool later = answer.status == kTooManyRequests || answer.status >= kServerErrors;
    throw StepFailed(later ? Kind::retry : Kind::hopeless,
                     said(answer) + (later ? std::string() : remedy(answer)));
}

SecretBytes ExchangeFunction::make(const StepContext& /*context*/, SecretValues& /*values*/,
                                   const SecretBytes& /*current*/) {
    throw StepFailed(Kind::hopeless, "the new value is got from the server alone");
}

}  // namespace coffer::rotation
