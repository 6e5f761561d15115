#include "daemon/rotation/runner_writes.hpp"

#include <utility>

#include "daemon/base/uuid.hpp"
#include "proto/utf8.hpp"

namespace coffer::rotation {

using secrets::ServiceAction;
using storage::RotationRepository;
using storage::RotationTask;
using storage::StoredSecret;
using storage::VersionId;

namespace {

constexpr std::chrono::seconds kPatience{30};
/// Of what is kept and shown of an error.
constexpr std::size_t kMostErrorCharacters = 1000;

}  // namespace

Deadline soon() {
    return std::chrono::steady_clock::now() + kPatience;
}

ServiceAction action_of(std::string name, const StoredSecret& secret, const RotationTask& task) {
    ServiceAction action{std::move(name), "rotation worker", {secret.arn}, {{"SecretId", secret.arn}}};
    if (task.version) action.details["ClientRequestToken"] = task.version->value();
    if (secret.rotation) action.details["RotationLambdaARN"] = secret.rotation->function;
    action.details["Attempt"] = task.attempt;
    return action;
}

ServiceAction step_action(std::string name, const StoredSecret& secret, const RotationTask& task, Step step) {
    auto action = action_of(std::move(name), secret, task);
    action.details["Step"] = step_name(step);
    return action;
}

std::string shortened(const std::string& text) {
    return proto::printable(text, kMostErrorCharacters);
}

std::string damage_of(const IntegrityError& altered) {
    return shortened(std::string("what is stored is damaged: ") + altered.what() +
                     ". 'coffer damaged list' shows secrets whose rows were altered; put the row back as it "
                     "was, or put a new value");
}

VersionId new_token() {
    return VersionId(Uuid::random().text());
}

bool store(storage::WriteTransaction& tx, const RotationTask& task, bool release) {
    const auto saved = RotationRepository::save(tx, task, release);
    if (saved == RotationRepository::Saved::lost) throw RotationLost("another node has taken it over");
    return saved == RotationRepository::Saved::paused;
}

}  // namespace coffer::rotation
