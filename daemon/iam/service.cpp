#include "daemon/iam/service.hpp"

#include <array>

#include "daemon/access/access_denied.hpp"
#include "daemon/base/await.hpp"
#include "daemon/iam/operations.hpp"
#include "daemon/secrets/request_record.hpp"

namespace coffer::iam {

using boost::asio::awaitable;

namespace {

enum class Means : std::uint8_t { reads, asks, writes };

struct Operation {
    v1::Request::OperationCase number;
    Means means;
    void (*run)(Work&, const v1::Request&, v1::Response&);
};

#define COFFER_IAM_ROW(Operation_, name, means_)                                   \
    Operation{v1::Request::k##Operation_, means_,                                  \
              [](Work& work, const v1::Request& request, v1::Response& response) { \
                  *response.mutable_##name() = name(work, request.name());         \
              }},
#define COFFER_IAM_READ(Operation_, name) COFFER_IAM_ROW(Operation_, name, Means::reads)
#define COFFER_IAM_ASK(Operation_, name) COFFER_IAM_ROW(Operation_, name, Means::asks)
#define COFFER_IAM_WRITE(Operation_, name) COFFER_IAM_ROW(Operation_, name, Means::writes)
constexpr auto kOperations =
    std::to_array<Operation>({COFFER_IAM_OPERATIONS(COFFER_IAM_READ, COFFER_IAM_ASK, COFFER_IAM_WRITE)});
#undef COFFER_IAM_ROW
#undef COFFER_IAM_READ
#undef COFFER_IAM_ASK
#undef COFFER_IAM_WRITE

const Operation* find(v1::Request::OperationCase number) noexcept {
    for (const auto& operation : kOperations) {
        if (operation.number == number) return &operation;
    }
    return nullptr;
}

/// Whether a configuration is only to be compared.
bool is_dry(const v1::Request& request) {
    return request.has_apply_access_configuration() && request.apply_access_configuration().dry_run();
}

/// A change that is to be stored, or was.
struct Changed {
    v1::Response response;
    DirectoryPtr directory;
};

/// The caller as the directory has him now: what he asks may have been forbidden to him since he connected.
secrets::CallContext as_now(const secrets::CallContext& call, const Directory& directory, Timestamp time) {
    auto now = call;
    now.caller.stored_listener = directory.stored_listener(call.caller.listener);
    const auto& principal = call.caller.rights->principal;
    const auto refuse = [&](const std::string& why) {
        throw access::AccessDenied("User: " + principal.arn + " may do nothing: " + why);
    };
    if (call.caller.session) {
        auto found = directory.session(call.caller.session, time);
        if (!found.rights) refuse(found.refusal);
        now.caller.rights = std::move(found.rights);
    } else if (principal.type == access::PrincipalType::user) {
        const auto standing = directory.standing({IamKind::user, principal.name});
        if (!standing || !standing->rights) refuse(standing ? standing->refusal : "it was deleted");
        now.caller.rights = standing->rights;
    }
    return now;
}

/// Whoever changes something by mistake should be able to change it back: the caller must still be who he is
/// afterwards, and not be locked out by, say, a pattern that matches his own certificate.
void require_caller_stays(const access::Caller& caller, const Directory& after, Timestamp now) {
    // Who acts by temporary credentials can get others, or not, as before: his certificate is not theirs.
    if (!caller.certificate || caller.session) return;
    const auto found = after.recognise(*caller.certificate, now);
    if (found.rights && found.rights->principal.id == caller.rights->principal.id) return;
    throw invalid_input(
        fmt::format("The change would lock you out: {}. Let another administrator make it.",
                    found.rights ? "your certificate would be another principal's" : found.refusal));
}

/// And the listener that he came through must not be closed behind him: he must be able to change its policy
/// again.
void require_listener_stays(const secrets::CallContext& call, const Directory& before, const Directory& after,
                            const NodeFacts& node, Timestamp now) {
    const auto& name = call.caller.listener;
    auto there = call;
    there.caller.stored_listener = after.stored_listener(name);
    const auto& policy = there.caller.stored_listener.policy;
    if (!policy || policy == before.stored_listener(name).policy) return;
    const Work work(after, there, node, now);
    const auto arn = work.listener_arn(name);
    if (work.may(access::Action::coffer_put_listener_policy, arn) ||
        work.may(access::Action::coffer_delete_listener_policy, arn) ||
        work.may(access::Action::coffer_apply_access_configuration, "*")) {
        return;
    }
    throw invalid_input(
        fmt::format("The change would lock you out: through listener {}, which you came through, nobody like "
                    "you could change "
                    "its policy again. Allow coffer:DeleteListenerPolicy in it, or make the change through "
                    "another listener.",
                    name));
}

/// Throws ServiceError for a change after which the caller could not take it back.
void require_way_back(const secrets::CallContext& call, const Directory& before, const Directory& after,
                      const NodeFacts& node, Timestamp now) {
    require_caller_stays(call.caller, after, now);
    require_listener_stays(call, before, after, node, now);
}

/// Why the changes would be refused, were they made; empty: they would not.
std::string refusal_of(const std::vector<storage::IamChange>& changes, const secrets::CallContext& call,
                       const Directory& before, const NodeFacts& node, Timestamp now) {
    try {
        const auto after = Directory::build(storage::IamRepository::preview(before.stored(), changes),
                                            before.account(), &before);
        require_way_back(call, before, *after, node, now);
        return {};
    } catch (const ServiceError& error) {
        return error.what();
    }
}

/// One attempt at a change, in its transaction.
Changed attempt(const Operation& operation, const secrets::CallContext& call, const v1::Request& request,
                const DirectoryKeeper& keeper, AccessKeySecrets& access_key_secrets, const NodeFacts& node,
                Timestamp now, storage::WriteTransaction& tx) {
    Changed changed;
    const auto directory = keeper.lock(tx);
    const auto caller = directory == keeper.directory() ? call : as_now(call, *directory, now);
    Draft draft(directory->records());
    Work work(*directory, caller, node, now, draft);
    work.use(&access_key_secrets);
    work.use(tx);
    operation.run(work, request, changed.response);
    const auto changes = draft.changes();
    if (!changes.empty() && is_dry(request)) {
        const auto refusal = refusal_of(changes, caller, *directory, node, now);
        if (!refusal.empty()) {
            changed.response.mutable_apply_access_configuration()->set_would_be_refused(refusal);
        }
    } else if (!changes.empty()) {
        auto stored = storage::IamRepository::store(tx, directory->stored(), changes);
        changed.directory = Directory::build(std::move(stored), directory->account(), directory.get());
        require_way_back(caller, *directory, *changed.directory, node, now);
    }
    const auto revision = (changed.directory ? changed.directory : directory)->stored().revision;
    if (changed.response.has_apply_access_configuration()) {
        changed.response.mutable_apply_access_configuration()->set_revision(revision);
    }
    secrets::store_change(call, tx);
    return changed;
}

ServiceError not_trusted(const IntegrityError& error) {
    return {v1::INTEGRITY_FAILURE,
            std::string("Nothing can be changed: ") + error.what() +
                ". Restore the database from a backup that is as new as what this node has seen."};
}

}  // namespace

bool IamService::has(v1::Request::OperationCase operation) const noexcept {
    return find(operation) != nullptr;
}

awaitable<void> IamService::perform(secrets::Call call, std::shared_ptr<const v1::Request> request,
                                    v1::Response& response) {
    const auto& operation = *find(request->operation_case());
    if (operation.means == Means::asks) {
        co_await ask(std::move(call), std::move(request), response);
        co_return;
    }
    const auto directory = keeper_.directory();
    if (operation.means == Means::reads) {
        Work work(*directory, *call, node_, clock_.now());
        operation.run(work, *request, response);
        co_return;
    }
    try {
        // Whoever may not is told without keeping others from changing anything.
        v1::Response ignored;
        Draft draft(directory->records());
        Work work(*directory, *call, node_, clock_.now(), draft);
        operation.run(work, *request, ignored);
    } catch (const ServiceError&) {
        // What the database has now may be otherwise.
    }
    co_await change(std::move(call), std::move(request), response);
}

awaitable<void> IamService::ask(secrets::Call call, std::shared_ptr<const v1::Request> request,
                                v1::Response& response) {
    const JobOptions options{Priority::read, call->deadline};
    const auto id = response.id();
    const auto request_id = response.request_id();
    auto start = [this, options, call, request](Completion<v1::Response> done) mutable {
        database_.read<v1::Response>(
            options,
            [this, call, request](storage::ReadTransaction& tx) {
                v1::Response answer;
                const auto directory = keeper_.directory();
                Work work(*directory, *call, node_, clock_.now(), tx);
                work.note_distrust(keeper_.distrust());
                find(request->operation_case())->run(work, *request, answer);
                return answer;
            },
            std::move(done));
    };
    response = co_await await_completion<v1::Response>(std::move(start));
    response.set_id(id);
    response.set_request_id(request_id);
}

awaitable<void> IamService::change(secrets::Call call, std::shared_ptr<const v1::Request> request,
                                   v1::Response& response) {
    const JobOptions options{Priority::write, call->deadline};
    auto start = [this, options, call, request](Completion<Changed> done) mutable {
        database_.write<Changed>(
            options,
            [this, call, request](storage::WriteTransaction& tx) {
                try {
                    return attempt(*find(request->operation_case()), *call, *request, keeper_,
                                   access_key_secrets_, node_, clock_.now(), tx);
                } catch (const IntegrityError& error) {
                    tx.report_integrity_failure(error.what());
                    throw not_trusted(error);
                }
            },
            std::move(done));
    };
    auto changed = co_await await_completion<Changed>(std::move(start));
    call->record->committed = true;
    if (changed.directory) keeper_.publish(changed.directory);
    changed.response.set_id(response.id());
    changed.response.set_request_id(response.request_id());
    response = std::move(changed.response);
}

}  // namespace coffer::iam
