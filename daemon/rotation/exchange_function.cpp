#include "daemon/rotation/exchange_function.hpp"

namespace coffer::rotation {

using crypto::SecretBytes;
using Kind = StepFailed::Kind;

namespace {
constexpr unsigned kTooManyRequests = 429;
constexpr unsigned kServerErrors = 500;
constexpr unsigned kServiceUnavailable = 503;
}  // namespace

void ExchangeFunction::create(const StepContext& context, SecretValues& values) {
    const auto current = values.current();
    const auto asked = request(context, values, current);
    if (once_) values.begin_exchange();
    // Where asking twice does no harm, an outcome that is not known is as good as none.
    const auto unknown = once_ ? Kind::unknown : Kind::retry;
    const auto fail = [&](Kind kind, const std::string& message) {
        if (once_ && kind != Kind::unknown) values.undo_exchange();
        return StepFailed(kind, message);
    };
    HttpsAnswer answer;
    try {
        answer = call(server_, asked, context.deadline);
    } catch (const CallFailed& failed) {
        if (!once_ || !failed.sent()) throw fail(Kind::retry, failed.what());
        throw fail(Kind::unknown, failed.what() + when_lost());
    }
    if (answer.is_success()) {
        SecretBytes value;
        try {
            value = value_from(answer, current);
        } catch (const StepFailed& failed) {
            throw fail(unknown, said(answer) + " and without what is needed: " + failed.what());
        }
        if (once_) {
            values.put_exchanged(std::move(value));
        } else {
            values.put_pending(std::move(value));
        }
        return;
    }
    if (answer.status == kTooManyRequests || answer.status == kServiceUnavailable) {
        throw fail(Kind::retry, said(answer));
    }
    if (answer.status >= kServerErrors) {
        throw fail(unknown, said(answer) + (once_ ? when_lost() : std::string()));
    }
    throw fail(Kind::hopeless, said(answer) + remedy(answer));
}

SecretBytes ExchangeFunction::make(const StepContext& /*context*/, SecretValues& /*values*/,
                                   const SecretBytes& /*current*/) {
    throw StepFailed(Kind::hopeless, "the new value is got from the server alone");
}

}  // namespace coffer::rotation
