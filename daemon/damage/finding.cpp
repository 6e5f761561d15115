#include "daemon/damage/finding.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "proto/utf8.hpp"

namespace coffer::damage {

using storage::SecretPart;

namespace {

constexpr std::size_t kNameCharacters = 512;
constexpr std::size_t kArnCharacters = 2048;
constexpr std::size_t kVersionCharacters = 64;

struct PartWords {
    std::string_view word;
    std::string_view what;
};

PartWords words_of(SecretPart part) noexcept {
    switch (part) {
        case SecretPart::identity:
            return {"identity", "its name, ARN or creation"};
        case SecretPart::description:
            return {"description", "its description or KMS key"};
        case SecretPart::change:
            return {"change", "the time of its last change or its revision"};
        case SecretPart::deletion:
            return {"deletion", "its deletion date"};
        case SecretPart::tags:
            return {"tags", "its tags"};
        case SecretPart::policy:
            return {"policy", "its resource policy"};
        case SecretPart::rotation:
            return {"rotation", "its rotation"};
        case SecretPart::versions:
            return {"versions", "its list of versions"};
        case SecretPart::labels:
            return {"labels", "its staging labels"};
    }
    return {};
}

std::string enumerated(const std::vector<SecretPart>& parts) {
    std::string text;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i > 0) text += i + 1 == parts.size() ? " and " : ", ";
        text += words_of(parts[i]).what;
    }
    return text;
}

std::string altered_words(const storage::DamagedSecret& found) {
    if (!found.parts) {
        return "The seal does not match. What was altered is not known: the secret was last changed before "
               "digests of its parts were kept.";
    }
    if (found.parts->empty())
        return "The seal was altered or is another one's; the rest is as its digests say.";
    return fmt::format("The seal does not match. Altered, by the row's digests: {}.",
                       enumerated(*found.parts));
}

std::string message_of(const storage::DamagedSecret& found) {
    using Kind = storage::DamagedSecret::Kind;
    switch (found.kind) {
        case Kind::not_judged:
            return fmt::format(
                "Not judged: the seal names generation {} of the seal key, which this node's token lacks. "
                "Ask "
                "again in a minute, or another node.",
                found.seal_generation);
        case Kind::unreadable:
            return fmt::format("The row is nothing that Coffer writes: {} cannot be read.",
                               found.parts ? enumerated(*found.parts) : "it");
        case Kind::altered:
            break;
    }
    if (!found.added_version) return altered_words(found);
    return fmt::format("Version {} was added by hand: without it the seal matches.",
                       proto::printable(found.added_version->value(), kVersionCharacters));
}

}  // namespace

v1::DamagedSecret to_message(const storage::DamagedSecret& found) {
    v1::DamagedSecret message;
    message.set_row_id(found.id.value().text());
    message.set_name(proto::printable(found.name, kNameCharacters));
    message.set_arn(proto::printable(found.arn, kArnCharacters));
    if (found.parts) {
        for (const auto part : *found.parts) message.add_parts(std::string(words_of(part).word));
        if (found.parts->empty()) message.add_parts("seal");
    }
    if (found.added_version) {
        message.set_added_version_id(proto::printable(found.added_version->value(), kVersionCharacters));
    }
    message.set_message(message_of(found));
    message.set_judged(found.kind != storage::DamagedSecret::Kind::not_judged);
    return message;
}

}  // namespace coffer::damage
