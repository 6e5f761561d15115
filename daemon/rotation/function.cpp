#include "daemon/rotation/function.hpp"

namespace coffer::rotation {

std::string_view step_name(Step step) noexcept {
    switch (step) {
        case Step::create:
            return "createSecret";
        case Step::set:
            return "setSecret";
        case Step::test:
            return "testSecret";
        case Step::finish:
            return "finishSecret";
    }
    return "";
}

void ValueFunction::run(Step step, const StepContext& context, SecretValues& values) {
    auto pending = values.pending();
    if (step == Step::create) {
        // A value that is there already may be at the target already as well: no other one is made.
        if (!pending) values.put_pending(make(context, values, values.current()));
        return;
    }
    if (!pending) throw StepFailed(StepFailed::Kind::retry, "the new version has no value yet");
    if (step == Step::set) set(context, values, *pending);
    if (step == Step::test) test(context, *pending);
    if (step == Step::finish) finish(context, values, *pending);
}

}  // namespace coffer::rotation
