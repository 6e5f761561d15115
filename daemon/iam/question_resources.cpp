#include "daemon/iam/question_resources.hpp"

#include <string_view>

#include "daemon/iam/suspension.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::iam {

using access::Action;
using access::DocumentKind;
using access::ResourceType;

namespace {

constexpr std::size_t kMostSecrets = 1'000;

QuestionResource resource_of(const storage::StoredSecret& secret) {
    QuestionResource resource{.arn = secret.arn, .standing = QuestionResource::Standing::stored};
    for (const auto& tag : secret.tags.value_or(std::vector<storage::Tag>())) {
        resource.tags.push_back({tag.key, tag.value});
    }
    if (secret.resource_policy) {
        resource.policy = access::Policy::parse(*secret.resource_policy, secret.arn,
                                                {.kind = DocumentKind::resource}, secret.policy_principals);
    }
    if (secret.rotation) resource.rotation_function = secret.rotation->function;
    return resource;
}

/// The name of the secret that `id`, a name or an ARN, means; empty for any other ARN.
std::string secret_name(const std::string& id) {
    constexpr std::size_t kSuffix = 7;  // "-AbCdEf"
    const auto arn = access::split_arn(id);
    if (!arn) return id;
    auto name = std::string(arn->resource());
    if (arn->service() != "secretsmanager" || !name.starts_with("secret:") || name.size() < 2 * kSuffix)
        return {};
    return name.substr(kSuffix, name.size() - 2 * kSuffix);
}

/// What is known of the ARN of an entity of IAM.
QuestionResource entity_at(const Work& work, const std::string& arn) {
    QuestionResource resource{.arn = arn};
    const auto name = parse_arn(arn);
    if (!name) return resource;
    if (name->account == "aws") resource.policy = built_in_resource_policy();
    const auto is_it = [&](const auto& record) { return arn_of(work.account(), record) == arn; };
    const auto& records = work.records();
    if (name->kind == IamKind::user) {
        const auto* user = records.find<User>(name->name);
        if (user != nullptr && is_it(*user)) resource.tags = user->tags;
    } else if (name->kind == IamKind::policy) {
        const auto* policy = records.find<ManagedPolicy>(name->name);
        if (policy != nullptr && is_it(*policy)) resource.tags = policy->tags;
    } else if (name->kind == IamKind::role) {
        const auto* role = records.find<Role>(name->name);
        if (role == nullptr || !is_it(*role)) return resource;
        resource.tags = role->tags;
        resource.policy = work.directory().trust_policy(role->name);
        resource.refusal = suspension_of(*role, work.now());
        const auto standing = work.directory().standing({IamKind::role, role->name});
        if (resource.refusal.empty() && standing && !standing->rights) resource.refusal = standing->refusal;
    }
    return resource;
}

/// "user", "group", "role", "policy", "listener"; empty for what has no such name.
std::string_view kind_of_name(ResourceType type) {
    if (type == ResourceType::secret || type == ResourceType::none) return {};
    const auto prefix = access::resource_form(type).prefix;
    return prefix.substr(0, prefix.size() - 1);
}

/// The ARN of the entity that `id` is the name of, with its kind before it or without.
std::string arn_of_name(const Work& work, ResourceType type, const std::string& id) {
    const auto name = id.substr(id.rfind('/') + 1);
    switch (type) {
        case ResourceType::user:
            return work.arn<User>(name);
        case ResourceType::group:
            return work.arn<Group>(name);
        case ResourceType::role:
            return work.arn<Role>(name);
        case ResourceType::policy:
            return work.arn<ManagedPolicy>(name);
        case ResourceType::listener:
            return work.listener_arn(name);
        case ResourceType::alias:
        case ResourceType::key: {
            const std::string kind(kind_of_name(type));
            return fmt::format("arn:aws:kms:{}:{}:{}", work.node().region, work.account(),
                               id.starts_with(kind + "/") ? id : kind + "/" + id);
        }
        case ResourceType::none:
        case ResourceType::secret:
            break;
    }
    return {};
}

ServiceError no_such_resource(const std::string& id) {
    return {v1::RESOURCE_NOT_FOUND,
            fmt::format("There is no secret named {}; give its name, a complete ARN, or *. Others are called "
                        "role/NAME, user/NAME, group/NAME, policy/NAME or listener/NAME.",
                        id)};
}

QuestionResource new_secret(const Work& work, const std::string& id) {
    const bool is_arn = access::split_arn(id).has_value();
    QuestionResource resource{
        .arn = id, .new_name = secret_name(id), .standing = QuestionResource::Standing::to_be_made};
    if (resource.new_name->empty()) resource.new_name.reset();
    if (!is_arn) {
        resource.arn = fmt::format("arn:aws:secretsmanager:{}:{}:secret:{}-??????", work.node().region,
                                   work.account(), id);
    }
    return resource;
}

std::optional<QuestionResource> stored_secret(Work& work, const std::string& id) {
    const auto name = secret_name(id);
    if (name.empty()) return std::nullopt;
    const auto secret = storage::SecretRepository::find(work.database(), name);
    if (!secret || (access::split_arn(id) && secret->arn != id)) return std::nullopt;
    return resource_of(*secret);
}

/// What is there under that name or ARN; anything is under an ARN.
std::optional<QuestionResource> known_resource(Work& work, const std::string& id) {
    if (const auto secret = stored_secret(work, id)) return secret;
    if (access::split_arn(id)) return entity_at(work, id);
    for (const auto type : {ResourceType::user, ResourceType::group, ResourceType::role, ResourceType::policy,
                            ResourceType::listener}) {
        if (id.starts_with(std::string(kind_of_name(type)) + "/")) {
            return entity_at(work, arn_of_name(work, type, id));
        }
    }
    return std::nullopt;
}

}  // namespace

bool QuestionResource::suits(Action action) const {
    switch (standing) {
        case Standing::stored:
            return action != Action::create_secret;
        case Standing::to_be_made:
            return action == Action::create_secret;
        case Standing::unknown:
            break;
    }
    return true;
}

const std::string& QuestionResource::refusal_of(Action action) const {
    static const std::string kNone;
    return access::asks_trust_policy(action) ? refusal : kNone;
}

QuestionResource find_resource(Work& work, Action action, const std::string& id) {
    const auto type = access::action_info(action).resource;
    if (id.empty() || id == "*" || type == ResourceType::none) return {.arn = "*"};
    if (action == Action::create_secret) return new_secret(work, id);
    if (type == ResourceType::secret || access::split_arn(id)) {
        if (auto resource = known_resource(work, id)) return std::move(*resource);
        throw no_such_resource(id);
    }
    const auto arn = arn_of_name(work, type, id);
    if (access::asks_trust_policy(action)) static_cast<void>(work.need<Role>(id.substr(id.rfind('/') + 1)));
    return entity_at(work, arn);
}

QuestionResource find_resource(Work& work, const std::string& id) {
    if (id.empty() || id == "*") return {.arn = "*"};
    if (auto resource = known_resource(work, id)) return std::move(*resource);
    return new_secret(work, id);
}

QuestionResource new_secrets(std::string arn) {
    return {.arn = std::move(arn), .standing = QuestionResource::Standing::to_be_made};
}

std::vector<QuestionResource> all_secrets(Work& work) {
    storage::ListQuery query;
    query.sort_by = storage::SortKey::name;
    query.limit = kMostSecrets;
    std::vector<QuestionResource> resources;
    for (const auto& secret : storage::SecretRepository::list(work.database(), query).secrets) {
        resources.push_back(resource_of(secret));
    }
    return resources;
}

}  // namespace coffer::iam
