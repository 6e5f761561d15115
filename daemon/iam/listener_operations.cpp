// Policies of listeners: what may be done through one, whoever asks, on all nodes. Besides the policy of the
// file that a node's configuration names; both must allow.

#include <map>

#include "daemon/iam/checks.hpp"
#include "daemon/iam/operations.hpp"
#include "daemon/iam/page.hpp"

namespace coffer::iam {

using access::Action;

namespace {

/// What is known of the listeners of a name.
struct Known {
    bool configured = false;
    bool has_file = false;
    bool stored = false;
};

std::map<std::string, Known> all_listeners(const Work& work) {
    std::map<std::string, Known> all;
    for (const auto& listener : work.node().configured()) {
        auto& known = all[listener.name];
        known.configured = true;
        known.has_file = listener.policy != nullptr;
    }
    for (const auto& [name, policy] : work.records().listeners) all[name].stored = true;
    // One that is not believed is there as well: it keeps its listener closed until somebody removes it.
    for (const auto& [key, fault] : work.records().faults) {
        if (key.kind == IamKind::listener) all[key.name].stored = true;
    }
    return all;
}

}  // namespace

v1::PutListenerPolicyResponse put_listener_policy(Work& work, const v1::PutListenerPolicyRequest& request) {
    const auto& name = request.listener_name();
    work.require(Action::coffer_put_listener_policy, work.listener_arn(name));
    check_policy(request.policy_document(), access::DocumentKind::listener);
    work.draft().put(ListenerPolicy{name, work.now(), request.policy_document()});
    check_count(work.records(), IamKind::listener);
    return {};
}

v1::GetListenerPolicyResponse get_listener_policy(Work& work, const v1::GetListenerPolicyRequest& request) {
    const auto& name = request.listener_name();
    work.require(Action::coffer_get_listener, work.listener_arn(name));
    const auto& policy = work.need<ListenerPolicy>(name);
    v1::GetListenerPolicyResponse response;
    response.set_listener_name(name);
    response.set_policy_document(policy.document);
    response.set_update_date(policy.updated.seconds());
    return response;
}

v1::DeleteListenerPolicyResponse delete_listener_policy(Work& work,
                                                        const v1::DeleteListenerPolicyRequest& request) {
    const auto& name = request.listener_name();
    work.require(Action::coffer_delete_listener_policy, work.listener_arn(name));
    if (!work.records().faults.contains({IamKind::listener, name})) {
        static_cast<void>(work.need<ListenerPolicy>(name));
    }
    work.draft().erase<ListenerPolicy>(name);
    return {};
}

v1::ListListenersResponse list_listeners(Work& work, const v1::ListListenersRequest& request) {
    work.require(Action::coffer_list_listeners, "*");
    v1::ListListenersResponse response;
    Page page(request, response);
    for (const auto& [name, known] : all_listeners(work)) {
        if (!page.takes(name)) continue;
        auto& listener = *response.add_listeners();
        listener.set_listener_name(name);
        listener.set_arn(work.listener_arn(name));
        listener.set_is_configured(known.configured);
        listener.set_has_policy_file(known.has_file);
        listener.set_has_policy(known.stored);
    }
    return response;
}

}  // namespace coffer::iam
