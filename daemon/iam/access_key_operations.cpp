// Access keys of users.

#include <algorithm>
#include <boost/json/object.hpp>

#include "daemon/iam/limits.hpp"
#include "daemon/iam/operations.hpp"
#include "daemon/iam/page.hpp"
#include "daemon/secrets/request_record.hpp"
#include "storage/access_key_uses.hpp"

namespace coffer::iam {

using access::Action;

namespace {

std::string_view status_text(const AccessKey& key) {
    return key.active ? "Active" : "Inactive";
}

ServiceError no_such_key(const std::string& id) {
    return {v1::NO_SUCH_ENTITY, fmt::format("The Access Key with id {} cannot be found.", id)};
}

template <class Message>
void put(const std::string& user, const AccessKey& key, Message& message) {
    message.set_user_name(user);
    message.set_access_key_id(key.id);
    message.set_status(std::string(status_text(key)));
    message.set_create_date(key.created.seconds());
}

std::vector<AccessKey>::iterator find_key(User& user, const std::string& id) {
    const auto found = std::ranges::find(user.access_keys, id, &AccessKey::id);
    if (found == user.access_keys.end()) throw no_such_key(id);
    return found;
}

/// What the event says of a new key: everything but the secret, as CloudTrail's.
void note(const secrets::CallContext& call, const std::string& user, const AccessKey& key) {
    boost::json::object shown{{"userName", user},
                              {"accessKeyId", key.id},
                              {"status", std::string(status_text(key))},
                              {"createDate", access::format_iso_time(key.created)}};
    call.record->response_elements.emplace(boost::json::object{{"accessKey", std::move(shown)}});
}

}  // namespace

v1::CreateAccessKeyResponse create_access_key(Work& work, const v1::CreateAccessKeyRequest& request) {
    const auto name = user_named(work, request.user_name());
    User& user = work.edit<User>(Action::iam_create_access_key, name);
    if (user.access_keys.size() >= kMaxAccessKeys) throw over_quota("AccessKeysPerUser", kMaxAccessKeys);
    AccessKey key;
    key.id = make_access_key_id();
    key.created = work.now();
    v1::CreateAccessKeyResponse response;
    auto& message = *response.mutable_access_key();
    put(name, key, message);
    if (auto* secrets = work.access_key_secrets()) {
        auto made = secrets->make(user.id, key.id, work.call().deadline);
        message.set_secret_access_key(made.secret.text().data(), made.secret.size());
        key.secret = std::move(made.sealed);
    }
    note(work.call(), name, key);
    user.access_keys.push_back(std::move(key));
    return response;
}

v1::ListAccessKeysResponse list_access_keys(Work& work, const v1::ListAccessKeysRequest& request) {
    const auto name = user_named(work, request.user_name());
    work.require(Action::iam_list_access_keys, work.arn<User>(name), work.about<User>(name));
    auto keys = work.need<User>(name).access_keys;
    std::ranges::sort(keys, {}, &AccessKey::id);  // Marker goes by it
    v1::ListAccessKeysResponse response;
    Page page(request, response);
    for (const auto& key : keys) {
        if (page.takes(key.id)) put(name, key, *response.add_access_key_metadata());
    }
    return response;
}

v1::UpdateAccessKeyResponse update_access_key(Work& work, const v1::UpdateAccessKeyRequest& request) {
    const auto name = user_named(work, request.user_name());
    User& user = work.edit<User>(Action::iam_update_access_key, name);
    find_key(user, request.access_key_id())->active = request.status() == "Active";
    return {};
}

v1::DeleteAccessKeyResponse delete_access_key(Work& work, const v1::DeleteAccessKeyRequest& request) {
    const auto name = user_named(work, request.user_name());
    User& user = work.edit<User>(Action::iam_delete_access_key, name);
    user.access_keys.erase(find_key(user, request.access_key_id()));
    return {};
}

v1::GetAccessKeyLastUsedResponse get_access_key_last_used(Work& work,
                                                          const v1::GetAccessKeyLastUsedRequest& request) {
    const auto owner = work.directory().find_access_key(request.access_key_id());
    if (!owner) {
        work.require(Action::iam_get_access_key_last_used, "*");
        throw no_such_key(request.access_key_id());
    }
    const auto& name = owner->user->name;
    work.require(Action::iam_get_access_key_last_used, work.arn<User>(name), work.about<User>(name));
    v1::GetAccessKeyLastUsedResponse response;
    response.set_user_name(name);
    auto& message = *response.mutable_access_key_last_used();
    const auto use = storage::AccessKeyUses::find(work.database(), request.access_key_id());
    if (use) message.set_last_used_date(use->used.seconds());
    message.set_service_name(use ? use->service : "N/A");
    message.set_region(use ? use->region : "N/A");
    return response;
}

}  // namespace coffer::iam
