// DeleteSecret, RestoreSecret, TagResource, UntagResource.

#include "daemon/secrets/responses.hpp"
#include "daemon/secrets/service_support.hpp"
#include "daemon/secrets/tags.hpp"

namespace coffer::secrets {

using boost::asio::awaitable;
using storage::SecretRepository;
using storage::StoredSecret;

namespace {

constexpr std::int64_t kMinRecoveryDays = 7;
constexpr std::int64_t kMaxRecoveryDays = 30;

struct Deletion {
    v1::DeleteSecretResponse response;
    std::vector<Bytes> wrapped_keys;
};

v1::DeleteSecretResponse deletion_response(const std::string& arn, const std::string& name, Timestamp due) {
    v1::DeleteSecretResponse response;
    response.set_arn(arn);
    response.set_name(name);
    response.set_deletion_date(due.seconds());
    return response;
}

Facts facts_of(const v1::DeleteSecretRequest& request) {
    Facts facts;
    if (request.has_recovery_window_in_days()) {
        facts.add(access::Key::sm_recovery_window_in_days, std::to_string(request.recovery_window_in_days()));
    }
    if (request.has_force_delete_without_recovery()) {
        facts.add_boolean(access::Key::sm_force_delete, request.force_delete_without_recovery());
    }
    return facts;
}

}  // namespace

awaitable<v1::DeleteSecretResponse> SecretsService::delete_secret(Call call,
                                                                  v1::DeleteSecretRequest request) {
    auto ref = SecretRef::parse(request.secret_id(), parts_.node);
    const bool force = request.force_delete_without_recovery();
    if (force && request.has_recovery_window_in_days()) {
        throw invalid_parameter(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.");
    }
    const std::int64_t days =
        request.has_recovery_window_in_days() ? request.recovery_window_in_days() : kMaxRecoveryDays;
    if (days < kMinRecoveryDays || days > kMaxRecoveryDays) {
        throw invalid_parameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).");
    }
    const auto now = parts_.clock.now();
    const auto secret = co_await find_secret(call, ref);
    authorization_.require(*call, access::Action::delete_secret, target_of(ref, secret.get()),
                           facts_of(request));
    if (!secret && !force) throw secret_not_found();
    // As AWS: what is not there is deleted, with an ARN that was never anybody's.
    if (!secret) co_return deletion_response(make_arn(parts_.node, ref.name()), ref.text(), now);

    UniqueFunction<Deletion(Edit&)> edit = [force, days, now](Edit& e) {
        Deletion deletion;
        deletion.wrapped_keys = SecretRepository::wrapped_keys(e.tx, e.secret.id);
        if (force) {
            SecretRepository::purge(e.tx, e.secret);
            e.changed = false;
            deletion.response = deletion_response(e.secret.arn, e.secret.name, now);
            return deletion;
        }
        if (e.secret.deleted) {
            throw invalid_request(
                "You tried to perform the operation on a secret that's currently marked deleted.");
        }
        e.secret.deleted = e.secret.last_changed = now;
        e.secret.purge_due = now + std::chrono::days(days);
        deletion.response = deletion_response(e.secret.arn, e.secret.name, *e.secret.purge_due);
        return deletion;
    };
    auto deletion = co_await change<Deletion>(call, secret, std::move(edit));
    forget_data_keys(deletion.wrapped_keys);
    co_return std::move(deletion.response);
}

awaitable<v1::RestoreSecretResponse> SecretsService::restore_secret(Call call,
                                                                    v1::RestoreSecretRequest request) {
    auto ref = SecretRef::parse(request.secret_id(), parts_.node);
    const auto secret = co_await require_secret(call, std::move(ref), access::Action::restore_secret, {});
    UniqueFunction<v1::RestoreSecretResponse(Edit&)> edit = [now = parts_.clock.now()](Edit& e) {
        e.changed = e.secret.deleted.has_value();
        if (e.changed) e.secret.last_changed = now;
        e.secret.deleted.reset();
        e.secret.purge_due.reset();
        return answer_naming<v1::RestoreSecretResponse>(e.secret);
    };
    co_return co_await change<v1::RestoreSecretResponse>(call, secret, std::move(edit));
}

// AWS refuses a change of tags after which its caller would have lost his permissions for the secret; which
// ones it asks for is not said anywhere. Here it is the operation's own action, by the same request: whoever
// changes tags must be able to change them again, or a slip of the key could be mended by nobody like him.
// Other rights do not count, also when they go: as long as the tags can be put back, nothing is lost for
// good, and to hand a secret over to another team, or to put one into quarantine that nobody may read, is
// what such tags are for. Asked of the locked row, with the tags and the policy that will really be there;
// the right to the change itself is asked for once more there, since tags may have moved before the lock was
// got.
void SecretsService::store_tags(const CallContext& call, access::Action action, const Facts& facts,
                                Edit& edit, std::vector<storage::Tag> tags, Timestamp now) const {
    authorization_.require(call, action, {edit.secret.arn, edit.secret.arn, &edit.secret}, facts);
    edit.secret.tags = std::move(tags);
    edit.secret.last_changed = now;
    authorization_.require_still(call, action, edit.secret, facts,
                                 "With these tags changed you could not change them again");
}

awaitable<v1::TagResourceResponse> SecretsService::tag_resource(Call call, v1::TagResourceRequest request) {
    auto ref = SecretRef::parse(request.secret_id(), parts_.node);
    refuse_many_tags(request.tags());
    Facts facts;
    facts.request_tags = policy_tags(request.tags());
    const auto secret = co_await require_secret(call, std::move(ref), access::Action::tag_resource, facts);
    UniqueFunction<v1::TagResourceResponse(Edit&)> edit = [this, call, facts, request,
                                                           now = parts_.clock.now()](Edit& e) {
        refuse_deleted(e.secret);
        auto tags = with_tags(e.secret.tags.value_or(std::vector<storage::Tag>{}), request.tags());
        e.changed = request.tags_size() > 0 && tags != e.secret.tags;
        if (e.changed) store_tags(*call, access::Action::tag_resource, facts, e, std::move(tags), now);
        return v1::TagResourceResponse();
    };
    co_return co_await change<v1::TagResourceResponse>(call, secret, std::move(edit));
}

awaitable<v1::UntagResourceResponse> SecretsService::untag_resource(Call call,
                                                                    v1::UntagResourceRequest request) {
    auto ref = SecretRef::parse(request.secret_id(), parts_.node);
    Facts facts;
    facts.tag_keys.emplace(request.tag_keys().begin(), request.tag_keys().end());
    const auto secret = co_await require_secret(call, std::move(ref), access::Action::untag_resource, facts);
    UniqueFunction<v1::UntagResourceResponse(Edit&)> edit = [this, call, facts, request,
                                                             now = parts_.clock.now()](Edit& e) {
        refuse_deleted(e.secret);
        e.changed = false;
        if (!e.secret.tags) return v1::UntagResourceResponse();
        auto tags = without_tags(*e.secret.tags, request.tag_keys());
        e.changed = tags != e.secret.tags;
        if (e.changed) store_tags(*call, access::Action::untag_resource, facts, e, std::move(tags), now);
        return v1::UntagResourceResponse();
    };
    co_return co_await change<v1::UntagResourceResponse>(call, secret, std::move(edit));
}

}  // namespace coffer::secrets
