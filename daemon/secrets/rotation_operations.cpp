// RotateSecret, CancelRotateSecret: what the rotation of a secret is. Carrying it out is daemon/rotation's.

#include <fmt/format.h>

#include <algorithm>

#include "daemon/secrets/labels.hpp"
#include "daemon/secrets/responses.hpp"
#include "daemon/secrets/rotation_schedule.hpp"
#include "daemon/secrets/service_support.hpp"
#include "storage/rotation_repository.hpp"

namespace coffer::secrets {

using boost::asio::awaitable;
using storage::RotationRepository;
using storage::RotationStep;
using storage::StoredRotation;
using storage::StoredSecret;
using storage::StoredVersion;
using storage::VersionId;

namespace {

/// Of the rotation of `secret` that is under way, if one is, and that ends so: if its target may have the
/// value that it made, the history says so, and the next rotation tries that. To be called before it is taken
/// out of the queue. False: there is nothing to say about its target.
bool note_told(storage::WriteTransaction& tx, const StoredSecret& secret, const RotationFunctions* functions,
               std::string_view how, Timestamp now) {
    const auto made = secret.rotation ? secret.rotation->making : std::nullopt;
    if (!made || secret.rotation->testing) return false;
    const auto* version = find_version(secret.versions, *made);
    if (version == nullptr || !version->kind || has_label(*version, kCurrent)) return false;
    const auto task = RotationRepository::find(tx, secret.id);
    if (!task || !task->told || task->version != made) return false;
    if (functions == nullptr || functions->tells_target(secret.rotation->function)) {
        RotationRepository::leave_behind(tx, secret.id, *made);
    }
    RotationRepository::add_run(
        tx, secret.id,
        {.version = *made,
         .started = task->started.value_or(now),
         .ended = now,
         .outcome = "Abandoned",
         .step = task->step,
         .attempts = task->attempt,
         .message = fmt::format(
             "{2}. The target may have the value of version {0}: "
             "if it does not take that of AWSCURRENT, read it ('coffer get-secret-value --secret-id {1} "
             "--version-id {0}') and put it as the new value with 'coffer put', or set the target to the "
             "value of AWSCURRENT",
             made->value(), secret.name, how)});
    return true;
}

/// Of the rotation of `secret` that is under way, if one is, and that RotateSecret takes the place of, since
/// its version has lost AWSPENDING: the same, and otherwise that nothing was done.
void note_replaced(storage::WriteTransaction& tx, const StoredSecret& secret,
                   const RotationFunctions* functions, Timestamp now) {
    constexpr std::string_view how =
        "AWSPENDING was taken from the version that it made, and another rotation asked for";
    if (note_told(tx, secret, functions, how, now) || !has_lost_pending(secret)) return;
    const auto task = RotationRepository::find(tx, secret.id);
    if (!task || task->version != secret.rotation->making) return;
    const auto* made = find_version(secret.versions, *task->version);
    auto message = std::string(how);
    if (made != nullptr && made->kind) {
        message += fmt::format(
            ". What it made is version {}, and not in use: where a server handed it out, remove it there",
            made->id.value());
    }
    RotationRepository::add_run(tx, secret.id,
                                {.version = *task->version,
                                 .started = task->started.value_or(now),
                                 .ended = now,
                                 .outcome = "Abandoned",
                                 .step = task->step,
                                 .attempts = task->attempt,
                                 .message = std::move(message)});
}

/// A test of the login that is under way is over.
void remove_test_version_of(StoredSecret& secret) {
    const auto& rotation = secret.rotation;
    if (rotation && rotation->testing && rotation->making) {
        remove_test_version(secret.versions, *rotation->making);
    }
}

Facts facts_of(const v1::RotateSecretRequest& request, const RotationFunctions* functions) {
    Facts facts;
    if (request.has_rotation_lambda_arn()) {
        const std::string_view arn = request.rotation_lambda_arn();
        // An alias must not be a way around a policy that names the function.
        facts.add(access::Key::sm_rotation_lambda_arn,
                  std::string(functions == nullptr ? arn : functions->own_arn(arn)));
    }
    if (request.has_rotate_immediately()) {
        facts.add_boolean(access::Key::sm_rotate_immediately, request.rotate_immediately());
    }
    facts.add_boolean(access::Key::sm_modify_rotation_rules, request.has_rotation_rules());
    return facts;
}

/// Whether `token` is that of the last rotation of `secret` that was finished: its client may not have
/// learned so.
bool is_last_result(storage::WriteTransaction& tx, const StoredSecret& secret, const VersionId& token) {
    if (find_version(secret.versions, token) == nullptr) return false;
    const auto runs = RotationRepository::runs(tx, secret.id);
    const auto last = std::ranges::find(runs, "Succeeded", &storage::RotationRun::outcome);
    return last != runs.end() && last->version == token;
}

bool has_same_schedule(const StoredRotation& a, const StoredRotation& b) {
    return a.after_days == b.after_days && a.expression == b.expression && a.duration == b.duration;
}

/// The rotation that `secret` has afterwards.
StoredRotation configured(const StoredSecret& secret, const v1::RotateSecretRequest& request,
                          const RotationFunctions* functions, Timestamp now) {
    auto rotation = with_rules(secret.rotation.value_or(StoredRotation{}), request.rotation_rules());
    if (!request.rotation_lambda_arn().empty() && request.rotation_lambda_arn() != rotation.function) {
        rotation.function = request.rotation_lambda_arn();
        rotation.renew_by.reset();  // the other function's
    }
    if (rotation.function.empty()) throw no_rotation_function();
    if (functions == nullptr || !functions->has(rotation.function)) throw unknown_rotation_function();
    rotation.enabled = true;
    // A schedule that stays keeps its window, as long as that is not over.
    const auto& before = secret.rotation;
    const bool stays = before && before->enabled && has_same_schedule(*before, rotation) && before->closes &&
                       *before->closes > now;
    if (!stays) plan(rotation, secret, now);
    return rotation;
}

/// What RotateSecret has to do beyond storing the configuration.
enum class Begins : std::uint8_t {
    anew,     ///< another version, or a test of the login
    pending,  ///< goes on with the half-made version that the token names
    nothing   ///< that is under way, or was done
};

/// For a request with `token` that is to leave `secret` with `asked`; a test where it `tests`. Throws where
/// it may not be carried out now, as where the token is that of something else.
Begins begins_with(storage::WriteTransaction& tx, const StoredSecret& secret, const StoredRotation& asked,
                   const VersionId& token, bool tests) {
    const auto& stored = secret.rotation;
    const bool is_on = stored && stored->enabled;
    const bool same_function = is_on && stored->function == asked.function;
    if (is_on && stored->making == token && stored->testing == tests && same_function &&
        !has_lost_pending(secret)) {
        return Begins::nothing;
    }
    if (same_function && !tests && !stored->making && has_same_schedule(*stored, asked) &&
        is_last_result(tx, secret, token)) {
        return Begins::nothing;
    }
    const auto* pending = holder_of(secret.versions, kPending);
    const bool is_half_made = pending != nullptr && !has_label(*pending, kCurrent);
    const bool names_pending = is_half_made && pending->id == token;
    const bool names_test = is_on && stored->testing && stored->making == token;
    if (names_pending && !tests && !names_test) return Begins::pending;
    if (!names_pending && find_version(secret.versions, token) != nullptr) {
        // RotateSecret has no ResourceExistsException.
        throw invalid_request(token_in_use(token.value(), secret.arn).what());
    }
    if (is_half_made) throw rotation_not_complete();
    return Begins::anew;
}

}  // namespace

awaitable<v1::RotateSecretResponse> SecretsService::rotate_secret(Call call,
                                                                  v1::RotateSecretRequest request) {
    const auto ref = SecretRef::parse(request.secret_id(), parts_.node);
    if (!request.has_client_request_token()) throw invalid_parameter(token_missing().what());
    if (request.external_secret_rotation_metadata_size() > 0 ||
        request.has_external_secret_rotation_role_arn()) {
        throw not_implemented("RotateSecret of managed external secrets");
    }
    static_cast<void>(
        with_rules({}, request.rotation_rules()));  // before it says whether there is such a secret
    const auto secret = co_await require_secret(call, ref, access::Action::rotate_secret,
                                                facts_of(request, parts_.rotation_functions));
    const VersionId token(request.client_request_token());
    call->record->version = token.value();
    UniqueFunction<v1::RotateSecretResponse(Edit&)> edit = [request = std::move(request), token,
                                                            functions = parts_.rotation_functions,
                                                            now = parts_.clock.now()](Edit& e) {
        refuse_deleted(e.secret);
        auto response = answer_naming<v1::RotateSecretResponse>(e.secret);
        response.set_version_id(token.value());
        auto rotation = configured(e.secret, request, functions, now);
        const bool tests = request.has_rotate_immediately() && !request.rotate_immediately();
        const auto begins = begins_with(e.tx, e.secret, rotation, token, tests);
        if (begins == Begins::nothing) {
            e.changed = !has_same_schedule(rotation, *e.secret.rotation);
            if (!e.changed) return response;
            e.secret.rotation = std::move(rotation);
            e.secret.last_changed = now;
            return response;
        }
        if (!current_version(e.secret)) throw nothing_to_rotate();
        note_replaced(e.tx, e.secret, functions, now);
        remove_test_version_of(e.secret);
        rotation.making = token;
        rotation.testing = tests;
        rotation.made_from = tests ? std::nullopt : current_version(e.secret);
        e.secret.rotation = std::move(rotation);
        storage::RotationTask task{
            .secret = e.secret.id, .name = e.secret.name, .due = now, .version = token};
        task.test_only = tests;
        task.step = tests ? RotationStep::test : RotationStep::create;
        if (!tests && begins == Begins::anew) {
            add_pending(e.secret.versions, token, now);
            require_quotas(e.tx, e.secret, now);
        }
        e.secret.last_changed = now;
        RotationRepository::begin(e.tx, task, now);
        return response;
    };
    auto response = co_await change<v1::RotateSecretResponse>(call, secret, std::move(edit));
    if (parts_.rotation_functions != nullptr) parts_.rotation_functions->wake();
    co_return response;
}

awaitable<v1::CancelRotateSecretResponse> SecretsService::cancel_rotate_secret(
    Call call, v1::CancelRotateSecretRequest request) {
    auto ref = SecretRef::parse(request.secret_id(), parts_.node);
    const auto secret =
        co_await require_secret(call, std::move(ref), access::Action::cancel_rotate_secret, {});
    UniqueFunction<v1::CancelRotateSecretResponse(Edit&)> edit = [functions = parts_.rotation_functions,
                                                                  now = parts_.clock.now()](Edit& e) {
        refuse_deleted(e.secret);
        if (!e.secret.rotation) throw rotation_never_configured();
        auto response = answer_naming<v1::CancelRotateSecretResponse>(e.secret);
        const auto* pending = holder_of(e.secret.versions, kPending);
        if (pending != nullptr && !has_label(*pending, kCurrent))
            response.set_version_id(pending->id.value());
        e.changed = e.secret.rotation->enabled;
        if (!e.changed) return response;
        static_cast<void>(
            note_told(e.tx, e.secret, functions, "rotation was turned off while it was under way", now));
        remove_test_version_of(e.secret);
        auto& rotation = *e.secret.rotation;
        rotation.enabled = rotation.testing = false;
        rotation.making.reset();
        rotation.made_from.reset();
        e.secret.last_changed = now;
        // Labels stay as they are; whoever works on it finds it turned off before its next step.
        RotationRepository::begin(e.tx, {.secret = e.secret.id, .name = e.secret.name}, now);
        return response;
    };
    co_return co_await change<v1::CancelRotateSecretResponse>(call, secret, std::move(edit));
}

}  // namespace coffer::secrets
