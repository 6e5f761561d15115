#include "daemon/keys/service.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>

#include "daemon/base/await.hpp"
#include "daemon/keys/service_support.hpp"
#include "daemon/secrets/errors.hpp"

namespace coffer::keys {

namespace {
/// Two: verifying all keys takes one for a long time, page by page.
constexpr std::size_t kServiceThreads = 2;
}  // namespace

KeyService::KeyService(KeyServiceParts parts)
    : parts_(std::move(parts)), authorization_(parts_.clock), threads_(kServiceThreads) {}

KeyService::~KeyService() {
    close();
}

void KeyService::close() {
    threads_.join();
}

bool KeyService::has(v1::Request::OperationCase operation) const noexcept {
    switch (operation) {
        case v1::Request::kCreateKey:
        case v1::Request::kListKeys:
        case v1::Request::kDescribeKey:
        case v1::Request::kRotateKeyOnDemand:
        case v1::Request::kEnableKeyRotation:
        case v1::Request::kDisableKeyRotation:
        case v1::Request::kRetireKeyGenerations:
        case v1::Request::kScheduleKeyDeletion:
        case v1::Request::kCancelKeyDeletion:
        case v1::Request::kVerifyKeys:
            return true;
        default:
            return false;
    }
}

boost::asio::awaitable<void> KeyService::perform(secrets::Call call,
                                                 std::shared_ptr<const v1::Request> request,
                                                 v1::Response& response) {
    auto start = [this, call, request](Completion<v1::Response> done) mutable {
        auto shared = std::make_shared<Completion<v1::Response>>(std::move(done));
        boost::asio::post(threads_, [this, call, request, shared] {
            (*shared)(outcome_of([&] {
                v1::Response answered;
                answer(*call, *request, answered);
                return answered;
            }));
        });
    };
    auto answered = co_await await_completion<v1::Response>(std::move(start));
    answered.set_id(response.id());
    answered.set_request_id(response.request_id());
    response = std::move(answered);
}

void KeyService::answer(Context call, const v1::Request& request, v1::Response& response) {
    switch (request.operation_case()) {
        case v1::Request::kCreateKey:
            *response.mutable_create_key() = create_key(call, request.create_key());
            return;
        case v1::Request::kListKeys:
            *response.mutable_list_keys() = list_keys(call);
            return;
        case v1::Request::kDescribeKey:
            *response.mutable_describe_key() = describe_key(call, request.describe_key());
            return;
        case v1::Request::kRotateKeyOnDemand:
            *response.mutable_rotate_key_on_demand() =
                rotate_key_on_demand(call, request.rotate_key_on_demand());
            return;
        case v1::Request::kEnableKeyRotation:
            *response.mutable_enable_key_rotation() =
                enable_key_rotation(call, request.enable_key_rotation());
            return;
        case v1::Request::kDisableKeyRotation:
            *response.mutable_disable_key_rotation() =
                disable_key_rotation(call, request.disable_key_rotation());
            return;
        case v1::Request::kRetireKeyGenerations:
            *response.mutable_retire_key_generations() =
                retire_key_generations(call, request.retire_key_generations());
            return;
        case v1::Request::kScheduleKeyDeletion:
            *response.mutable_schedule_key_deletion() =
                schedule_key_deletion(call, request.schedule_key_deletion());
            return;
        case v1::Request::kCancelKeyDeletion:
            *response.mutable_cancel_key_deletion() =
                cancel_key_deletion(call, request.cancel_key_deletion());
            return;
        case v1::Request::kVerifyKeys:
            *response.mutable_verify_keys() = verify_keys(call, request.verify_keys());
            return;
        default:
            throw std::logic_error("KeyService does not have the operation");
    }
}

void KeyService::require(Context call, access::Action action, const std::string& arn) const {
    authorization_.require(call, action, {arn, arn}, {});
}

Uuid KeyService::require_key(Context call, access::Action action, const storage::StoredMasterKeys& keys,
                             const std::string& key_id) const {
    const auto found = find_key(keys, key_id, parts_.master_keys.default_key().value());
    if (found) {
        require(call, action, key_arn(parts_.node, *found));
        return *found;
    }
    // Whoever may not ask does not learn that there is none.
    const auto resource = key_id.substr(key_id.rfind(':') + 1);
    require(call, action,
            fmt::format("arn:aws:kms:{}:{}:{}", parts_.node.region, parts_.node.account,
                        resource.find('/') == std::string::npos ? "key/" + resource : resource));
    throw secrets::ServiceError(v1::RESOURCE_NOT_FOUND, fmt::format("Key '{}' does not exist", key_id));
}

storage::StoredMasterKeys KeyService::load_keys(Context call) const {
    return read<storage::StoredMasterKeys>(
        call, [](storage::ReadTransaction& tx) { return storage::MasterKeyRepository::load(tx); });
}

void KeyService::change_settings(Context call, const Uuid& key,
                                 const std::function<void(storage::StoredMasterKeySettings&)>& edit) {
    static_cast<void>(write<Done>(call, [&](storage::WriteTransaction& tx) {
        const auto locked = storage::MasterKeyRepository::lock(tx);
        if (newest_of(locked, key) == 0) {
            throw secrets::ServiceError(v1::RESOURCE_NOT_FOUND,
                                        fmt::format("Key '{}' does not exist", key.text()));
        }
        auto changed = locked;
        auto settings = settings_of(locked, key);
        edit(settings);
        changed.settings[key] = settings;
        storage::MasterKeyRepository::store(tx, locked, std::move(changed));
        return Done{};
    }));
    parts_.changed();
}

}  // namespace coffer::keys
