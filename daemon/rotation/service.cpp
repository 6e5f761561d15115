#include "daemon/rotation/service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "daemon/audit/utc_time.hpp"
#include "daemon/base/await.hpp"
#include "daemon/rotation/acknowledgement.hpp"
#include "daemon/rotation/give_up.hpp"
#include "daemon/rotation/retry.hpp"
#include "daemon/rotation/task_changes.hpp"
#include "daemon/secrets/errors.hpp"
#include "daemon/secrets/labels.hpp"
#include "daemon/secrets/named_secret.hpp"
#include "daemon/secrets/responses.hpp"
#include "daemon/secrets/rotation_schedule.hpp"
#include "daemon/secrets/service_support.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::rotation {

using access::Action;
using boost::asio::awaitable;
using secrets::Call;
using storage::RotationRepository;
using storage::RotationTask;
using storage::SecretRepository;
using storage::StoredSecret;

namespace {

constexpr std::size_t kDefaultPage = 100;
constexpr int kWindowsShown = 5;
/// Rows of one statement, and of one request: who asks for few of many goes on with a token.
constexpr std::size_t kRowsAtOnce = 200;
constexpr std::size_t kRowsOfARequest = 2'000;
/// Checks that wait for targets; each may take as long as its request.
constexpr int kChecksAtOnce = 16;

std::string_view state_of(const StoredSecret& secret, const std::optional<RotationTask>& task,
                          Timestamp now) {
    if (!secret.rotation || !secret.rotation->enabled) return "Off";
    if (!task) return "Idle";
    if (task->node) return "Running";
    if (task->paused) return "Paused";
    if (task->failed) return "Failed";
    if (task->version && task->attempt > 0) return "Waiting";
    if (task->version || (task->due && *task->due <= now)) return "Due";
    return "Idle";
}

v1::Rotation message_of(const StoredSecret& secret, const std::optional<RotationTask>& task, Timestamp now) {
    v1::Rotation message;
    message.set_arn(secret.arn);
    message.set_name(secret.name);
    message.set_state(std::string(state_of(secret, task, now)));
    v1::SecretListEntry shown;
    if (secret.rotation) secrets::fill_rotation(*secret.rotation, shown);
    if (shown.has_last_rotated_date()) message.set_last_rotated_date(shown.last_rotated_date());
    if (shown.has_next_rotation_date()) message.set_next_rotation_date(shown.next_rotation_date());
    if (shown.has_rotation_lambda_arn()) message.set_rotation_lambda_arn(shown.rotation_lambda_arn());
    if (shown.has_rotation_rules()) *message.mutable_rotation_rules() = shown.rotation_rules();
    if (!task) return message;
    if (task->version) {
        message.set_step(std::string(step_name(task->step)));
        message.set_attempt(task->attempt);
        message.set_version_id(task->version->value());
    }
    if (!task->version) {
        const auto* pending = secrets::holder_of(secret.versions, secrets::kPending);
        if (pending != nullptr && !secrets::has_label(*pending, secrets::kCurrent)) {
            message.set_version_id(pending->id.value());
        }
    }
    if (task->last_error) message.set_last_error(*task->last_error);
    if (task->last_attempt) message.set_last_attempt_date(task->last_attempt->seconds());
    if (task->due && secret.rotation && secret.rotation->enabled) {
        message.set_next_attempt_date(task->due->seconds());
    }
    if (task->node) message.set_node(*task->node);
    for (const auto& version : left_behind_of(secret, *task)) {
        message.add_left_behind_version_ids(version.value());
    }
    return message;
}

v1::RotationRun message_of(const storage::RotationRun& run) {
    v1::RotationRun message;
    message.set_version_id(run.version.value());
    message.set_start_date(run.started.seconds());
    message.set_end_date(run.ended.seconds());
    message.set_outcome(run.outcome);
    message.set_step(std::string(step_name(run.step)));
    message.set_attempts(run.attempts);
    if (run.message) message.set_message(*run.message);
    return message;
}

std::string outcome_text(Check::Outcome outcome) {
    switch (outcome) {
        case Check::Outcome::passed:
            return "Passed";
        case Check::Outcome::failed:
            return "Failed";
        case Check::Outcome::skipped:
            return "Skipped";
    }
    return "";
}

void add_check(v1::CheckRotationResponse& response, const Check& check) {
    auto& message = *response.add_checks();
    message.set_name(check.name);
    message.set_outcome(outcome_text(check.outcome));
    message.set_message(check.message);
    if (check.outcome == Check::Outcome::failed) response.set_ready(false);
}

/// What the configuration's blackouts do to the rotation in `window`; nothing where they leave it alone.
std::optional<Check> blackout_check(const Restraints& restraints, const std::string& secret,
                                    const Window& window) {
    const auto held = restraints.blackout(secret, window.opens);
    if (!held) return std::nullopt;
    const bool whole = held->until >= window.closes;
    return Check{"blackout", Check::Outcome::skipped,
                 fmt::format("the window of {} is {} {}: it rotates after {} instead",
                             audit::utc_seconds(window.opens), whole ? "wholly" : "for a part", held->why,
                             audit::utc_seconds(held->until))};
}

/// A page of rotations, with their secrets.
struct RotationPage {
    std::vector<std::pair<StoredSecret, RotationTask>> rows;
    std::optional<std::string> next;
    bool all_paused = false;
};

RotationPage load_page(storage::ReadTransaction& tx, const std::string& after, std::size_t most) {
    RotationPage page;
    page.all_paused = RotationRepository::all_paused(tx);
    const auto tasks = RotationRepository::list(tx, after, most);
    std::vector<std::string> names;
    for (const auto& task : tasks) names.push_back(task.name);
    auto loaded = SecretRepository::find_all(tx, names, std::nullopt);
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        try {
            auto secret = loaded[i].take().secret;
            if (secret && secret->id == tasks[i].secret) page.rows.emplace_back(std::move(*secret), tasks[i]);
        } catch (const IntegrityError&) {
            // Reported by the repository; one altered row must not hide the others.
        }
    }
    if (tasks.size() == most) page.next = tasks.back().name;
    return page;
}

}  // namespace

RotationService::~RotationService() {
    ends_ = true;
    checks_.stop();
    checks_.join();
}

bool RotationService::has(v1::Request::OperationCase operation) const noexcept {
    switch (operation) {
        case v1::Request::kListRotationFunctions:
        case v1::Request::kListRotations:
        case v1::Request::kGetRotation:
        case v1::Request::kRetryRotation:
        case v1::Request::kAbandonRotation:
        case v1::Request::kAcknowledgeRotation:
        case v1::Request::kPauseRotations:
        case v1::Request::kResumeRotations:
        case v1::Request::kCheckRotation:
            return true;
        default:
            return false;
    }
}

awaitable<void> RotationService::perform(Call call, std::shared_ptr<const v1::Request> request,
                                         v1::Response& response) {
#define COFFER_ROTATION_OPERATION(CASE, name)                          \
    case v1::Request::CASE: {                                          \
        auto answer = co_await name(std::move(call), request->name()); \
        *response.mutable_##name() = std::move(answer);                \
        co_return;                                                     \
    }
    switch (request->operation_case()) {
        COFFER_ROTATION_OPERATION(kListRotationFunctions, list_rotation_functions)
        COFFER_ROTATION_OPERATION(kListRotations, list_rotations)
        COFFER_ROTATION_OPERATION(kGetRotation, get_rotation)
        COFFER_ROTATION_OPERATION(kRetryRotation, retry_rotation)
        COFFER_ROTATION_OPERATION(kAbandonRotation, abandon_rotation)
        COFFER_ROTATION_OPERATION(kAcknowledgeRotation, acknowledge_rotation)
        COFFER_ROTATION_OPERATION(kPauseRotations, pause_rotations)
        COFFER_ROTATION_OPERATION(kResumeRotations, resume_rotations)
        COFFER_ROTATION_OPERATION(kCheckRotation, check_rotation)
        default:
            throw secrets::ServiceError(v1::UNKNOWN_OPERATION, "This is no operation of rotations.");
    }
#undef COFFER_ROTATION_OPERATION
}

template <class T>
awaitable<T> RotationService::read(Call call, UniqueFunction<T(storage::ReadTransaction&)> job) {
    return secrets::read_for<T>(parts_.database, std::move(call), Priority::write, std::move(job));
}

template <class T>
awaitable<T> RotationService::write(Call call, UniqueFunction<T(storage::WriteTransaction&)> job) {
    return secrets::write_for<T>(parts_.database, std::move(call), std::move(job));
}

awaitable<RotationService::Secret> RotationService::require_secret(Call call, std::string secret_id,
                                                                   Action action, secrets::Facts facts) {
    const secrets::NamedSecretParts parts{parts_.database, node_, authorization_};
    auto found = co_await secrets::require_named_secret(parts, std::move(call), std::move(secret_id), action,
                                                        std::move(facts));
    secrets::refuse_deleted(*found);
    co_return found;
}

awaitable<RotationService::Secret> RotationService::require_rotating(Call call, std::string secret_id,
                                                                     Action action) {
    const secrets::Facts facts;
    auto secret = co_await require_secret(std::move(call), std::move(secret_id), action, facts);
    if (!secret->rotation) {
        throw secrets::invalid_request(
            "Rotation was never configured for this secret: RotateSecret does that.");
    }
    co_return secret;
}

awaitable<v1::Rotation> RotationService::rotation_of(Call call, Secret secret) {
    using Found = std::optional<RotationTask>;
    UniqueFunction<Found(storage::ReadTransaction&)> job = [id = secret->id](storage::ReadTransaction& tx) {
        return RotationRepository::find(tx, id);
    };
    const auto task = co_await read<Found>(std::move(call), std::move(job));
    co_return message_of(*secret, task, parts_.clock.now());
}

awaitable<v1::ListRotationFunctionsResponse> RotationService::list_rotation_functions(
    Call call, v1::ListRotationFunctionsRequest /*request*/) {
    const secrets::Target target{"*", "*"};
    const secrets::Facts facts;
    authorization_.require(*call, Action::coffer_list_rotation_functions, target, facts);
    v1::ListRotationFunctionsResponse response;
    for (const auto& entry : workers_.functions().all()) {
        auto& message = *response.add_functions();
        message.set_name(entry.name);
        message.set_arn(entry.arn);
        message.set_kind(std::string(entry.function->kind()));
        if (!entry.description.empty()) message.set_description(entry.description);
        message.set_timeout(std::chrono::duration_cast<std::chrono::seconds>(entry.timeout).count());
    }
    co_return response;
}

awaitable<v1::ListRotationsResponse> RotationService::list_rotations(Call call,
                                                                     v1::ListRotationsRequest request) {
    const secrets::Target target{"*", "*"};
    const secrets::Facts facts;
    authorization_.require(*call, Action::coffer_list_rotations, target, facts);
    CanonicalEncoder context("coffer/page/ListRotations/v1");
    context.text(call->caller.principal).text(request.state());
    std::string after;
    if (request.has_next_token()) {
        const auto position = page_tokens_.open(request.next_token(), context.result());
        after.assign(position.begin(), position.end());
    }
    const auto wanted =
        request.has_max_results() ? static_cast<std::size_t>(request.max_results()) : kDefaultPage;
    const auto now = parts_.clock.now();
    v1::ListRotationsResponse response;
    for (std::size_t looked_at = 0;; looked_at += kRowsAtOnce) {
        UniqueFunction<RotationPage(storage::ReadTransaction&)> job = [after](storage::ReadTransaction& tx) {
            return load_page(tx, after, kRowsAtOnce);
        };
        const auto page = co_await read<RotationPage>(call, std::move(job));
        response.set_all_paused(page.all_paused);
        bool full = false;
        for (const auto& [secret, task] : page.rows) {
            auto message = message_of(secret, task, now);
            after = secret.name;
            if (!request.state().empty() && message.state() != request.state()) continue;
            *response.add_rotations() = std::move(message);
            full = static_cast<std::size_t>(response.rotations_size()) == wanted;
            if (full) break;
        }
        if (!full) {
            if (!page.next) break;
            after = *page.next;
            if (looked_at < kRowsOfARequest) continue;
        }
        const Bytes position(after.begin(), after.end());
        response.set_next_token(page_tokens_.make(position, context.result()));
        break;
    }
    co_return response;
}

awaitable<v1::GetRotationResponse> RotationService::get_rotation(Call call, v1::GetRotationRequest request) {
    using Ended = std::pair<std::vector<storage::RotationRun>, bool>;
    const auto secret = co_await require_rotating(call, request.secret_id(), Action::coffer_get_rotation);
    v1::GetRotationResponse response;
    *response.mutable_rotation() = co_await rotation_of(call, secret);
    UniqueFunction<Ended(storage::ReadTransaction&)> job = [id = secret->id](storage::ReadTransaction& tx) {
        return Ended(RotationRepository::runs(tx, id), RotationRepository::all_paused(tx));
    };
    const auto [runs, all_paused] = co_await read<Ended>(call, std::move(job));
    response.set_all_paused(all_paused);
    for (const auto& run : runs) *response.add_history() = message_of(run);
    co_return response;
}

awaitable<v1::RetryRotationResponse> RotationService::retry_rotation(Call call,
                                                                     v1::RetryRotationRequest request) {
    const auto secret = co_await require_rotating(call, request.secret_id(), Action::coffer_retry_rotation);
    UniqueFunction<bool(storage::WriteTransaction&)> job =
        [seen = secret, tells = workers_.tells_target(secret->rotation->function),
         now = parts_.clock.now()](storage::WriteTransaction& tx) {
            retry(tx, *seen, tells, now);
            return true;
        };
    static_cast<void>(co_await write<bool>(call, std::move(job)));
    workers_.wake();
    v1::RetryRotationResponse response;
    *response.mutable_rotation() = co_await rotation_of(call, secret);
    co_return response;
}

awaitable<v1::AbandonRotationResponse> RotationService::abandon_rotation(Call call,
                                                                         v1::AbandonRotationRequest request) {
    const auto secret = co_await require_rotating(call, request.secret_id(), Action::coffer_abandon_rotation);
    UniqueFunction<bool(storage::WriteTransaction&)> job =
        [seen = secret, tells = workers_.tells_target(secret->rotation->function),
         now = parts_.clock.now()](storage::WriteTransaction& tx) {
            give_up(tx, *seen, tells, now);
            return true;
        };
    static_cast<void>(co_await write<bool>(call, std::move(job)));
    v1::AbandonRotationResponse response;
    *response.mutable_rotation() = co_await rotation_of(call, secret);
    co_return response;
}

awaitable<v1::AcknowledgeRotationResponse> RotationService::acknowledge_rotation(
    Call call, v1::AcknowledgeRotationRequest request) {
    const auto secret =
        co_await require_rotating(call, request.secret_id(), Action::coffer_acknowledge_rotation);
    UniqueFunction<bool(storage::WriteTransaction&)> job = [seen = secret](storage::WriteTransaction& tx) {
        acknowledge(tx, *seen);
        return true;
    };
    static_cast<void>(co_await write<bool>(call, std::move(job)));
    v1::AcknowledgeRotationResponse response;
    *response.mutable_rotation() = co_await rotation_of(call, secret);
    co_return response;
}

awaitable<void> RotationService::set_paused(Call call, std::string secret_id, Action action, bool paused) {
    Secret secret;
    if (secret_id.empty()) {
        const secrets::Target target{"*", "*"};
        const secrets::Facts facts;
        authorization_.require(*call, action, target, facts);
    } else {
        secret = co_await require_rotating(call, std::move(secret_id), action);
    }
    UniqueFunction<bool(storage::WriteTransaction&)> job = [secret, paused](storage::WriteTransaction& tx) {
        if (secret) {
            RotationRepository::pause(tx, secret->id, paused);
        } else {
            RotationRepository::pause_all(tx, paused);
        }
        return true;
    };
    static_cast<void>(co_await write<bool>(call, std::move(job)));
    if (!paused) workers_.wake();
}

awaitable<v1::PauseRotationsResponse> RotationService::pause_rotations(Call call,
                                                                       v1::PauseRotationsRequest request) {
    co_await set_paused(std::move(call), request.secret_id(), Action::coffer_pause_rotations, true);
    co_return v1::PauseRotationsResponse();
}

awaitable<v1::ResumeRotationsResponse> RotationService::resume_rotations(Call call,
                                                                         v1::ResumeRotationsRequest request) {
    co_await set_paused(std::move(call), request.secret_id(), Action::coffer_resume_rotations, false);
    co_return v1::ResumeRotationsResponse();
}

v1::CheckRotationResponse RotationService::check_now(const StoredSecret& secret,
                                                     const v1::CheckRotationRequest& request,
                                                     Deadline deadline) const {
    v1::CheckRotationResponse response;
    response.set_ready(true);
    const auto rotation = secret.rotation.value_or(storage::StoredRotation{});
    const auto arn = request.has_rotation_lambda_arn() ? request.rotation_lambda_arn() : rotation.function;
    const auto* entry = workers_.functions().find(arn);
    if (entry == nullptr) {
        add_check(response, {"function", Check::Outcome::failed,
                             arn.empty() ? "no rotation function is named, here or for the secret"
                                         : "the configuration of this node has no rotation function " + arn});
    } else {
        add_check(response, {"function", Check::Outcome::passed, "it is in the configuration of this node"});
    }
    auto shown = rotation;
    try {
        if (request.has_rotation_rules())
            shown = secrets::with_rules(std::move(shown), request.rotation_rules());
        auto base = parts_.clock.now();
        if (const auto schedule = secrets::schedule_of(shown)) {
            std::vector<Check> held_back;
            for (int i = 0; i < kWindowsShown; ++i) {
                const auto window = schedule->next(base);
                response.add_next_windows(window.opens.seconds());
                if (auto held = blackout_check(workers_.restraints(), secret.name, window)) {
                    held_back.push_back(std::move(*held));
                }
                base = window.opens;
            }
            add_check(response, {"schedule", Check::Outcome::passed, "it can be kept"});
            for (const auto& held : held_back) add_check(response, held);
        } else {
            add_check(response,
                      {"schedule", Check::Outcome::skipped, "there is none: it rotates by hand alone"});
        }
    } catch (const secrets::ServiceError& error) {
        add_check(response, {"schedule", Check::Outcome::failed, error.what()});
    }
    const auto* pending = secrets::holder_of(secret.versions, secrets::kPending);
    if (pending != nullptr && !secrets::has_label(*pending, secrets::kCurrent)) {
        add_check(response, {"pending", Check::Outcome::failed,
                             "version " + pending->id.value() +
                                 " is AWSPENDING: a rotation is not complete; see 'coffer rotation status'"});
    }
    if (!secrets::current_version(secret)) {
        add_check(response, {"value", Check::Outcome::failed, "the secret has no value to rotate"});
        return response;
    }
    if (entry == nullptr) return response;
    RotationTask task{.secret = secret.id, .name = secret.name, .version = secrets::current_version(secret)};
    const StepContext context{secret.arn, secret.name, task.version->value(),
                              std::min(deadline, std::chrono::steady_clock::now() + entry->timeout), &ends_};
    StoredValues values(parts_, task, context.deadline);
    try {
        for (const auto& check : entry->function->check(context, values)) add_check(response, check);
    } catch (const Error& error) {
        add_check(response, {"target", Check::Outcome::failed, error.what()});
    }
    return response;
}

awaitable<v1::CheckRotationResponse> RotationService::check_rotation(Call call,
                                                                     v1::CheckRotationRequest request) {
    secrets::Facts facts;
    if (request.has_rotation_lambda_arn()) {
        facts.add(access::Key::sm_rotation_lambda_arn,
                  std::string(workers_.functions().own_arn(request.rotation_lambda_arn())));
    }
    const auto secret =
        co_await require_secret(call, request.secret_id(), Action::coffer_check_rotation, facts);
    if (++checks_waiting_ > kChecksAtOnce) {
        --checks_waiting_;
        throw Overloaded("too many checks of rotations wait for their targets");
    }
    const auto shared = std::make_shared<const v1::CheckRotationRequest>(std::move(request));
    auto start = [this, secret, shared,
                  deadline = call->deadline](Completion<v1::CheckRotationResponse> done) {
        auto completion = std::make_shared<Completion<v1::CheckRotationResponse>>(std::move(done));
        boost::asio::post(checks_, [this, secret, shared, deadline, completion] {
            auto outcome = outcome_of([&] { return check_now(*secret, *shared, deadline); });
            --checks_waiting_;
            (*completion)(std::move(outcome));
        });
    };
    co_return co_await await_completion<v1::CheckRotationResponse>(std::move(start));
}

}  // namespace coffer::rotation
