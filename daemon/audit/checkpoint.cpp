#include "daemon/audit/checkpoint.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <limits>

namespace coffer::audit {

namespace {

namespace json = boost::json;

constexpr std::string_view kDomain = "coffer/audit/checkpoint/v1";
constexpr std::string_view kDomainWithGenerations = "coffer/audit/checkpoint/v2";

/// Whether it says more than the first format can.
bool has_generations(const Checkpoint& checkpoint) noexcept {
    return checkpoint.signer.generation != 1 || checkpoint.successor;
}

std::optional<std::string_view> text_member(const json::object& object, json::string_view name) {
    const auto* value = object.if_contains(name);
    const auto* text = value != nullptr ? value->if_string() : nullptr;
    if (text == nullptr) return std::nullopt;
    return std::string_view(text->data(), text->size());
}

std::optional<std::int64_t> number_member(const json::object& object, json::string_view name) {
    const auto* value = object.if_contains(name);
    const auto* number = value != nullptr ? value->if_int64() : nullptr;
    if (number == nullptr || *number < 0) return std::nullopt;
    return *number;
}

std::optional<Digest> digest_member(const json::object& object, json::string_view name) {
    const auto text = text_member(object, name);
    return text ? digest_from_text(*text) : std::nullopt;
}

std::optional<EcdsaSignature> signature_member(const json::object& object) {
    const auto text = text_member(object, "signature");
    if (!text) return std::nullopt;
    const auto bytes = strict_from_hex(*text);
    EcdsaSignature out{};
    if (!bytes || bytes->size() != out.size()) return std::nullopt;
    std::copy(bytes->begin(), bytes->end(), out.begin());
    return out;
}

std::optional<std::uint32_t> generation_member(const json::object& object) {
    const auto number = number_member(object, "generation");
    if (!number || *number == 0 || *number > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    return static_cast<std::uint32_t>(*number);
}

std::optional<SigningKey> successor_of(const json::value& value) {
    const auto* object = value.if_object();
    if (object == nullptr) return std::nullopt;
    const auto generation = generation_member(*object);
    const auto text = text_member(*object, "publicKey");
    const auto bytes = text ? strict_from_hex(*text) : std::nullopt;
    if (!generation || !bytes) return std::nullopt;
    return SigningKey{{sha256({*bytes}), *generation}, *bytes};
}

/// Reads what the second format has more. False when it is not there.
bool read_generations(const json::object& object, Checkpoint& checkpoint) {
    const auto generation = generation_member(object);
    const auto* successor = object.if_contains("successor");
    if (!generation || successor == nullptr) return false;
    checkpoint.signer.generation = *generation;
    checkpoint.successor = successor_of(*successor);
    return successor->is_null() || checkpoint.successor;
}

std::optional<Checkpoint> from_object(const json::object& object) {
    const auto format = number_member(object, "format");
    const auto journal = text_member(object, "journal");
    const auto node = text_member(object, "node");
    const auto sequence = number_member(object, "sequence");
    const auto chain = digest_member(object, "chain");
    const auto previous = digest_member(object, "previous");
    const auto time = number_member(object, "timeMs");
    const auto* closing = object.if_contains("closing");
    const auto key = digest_member(object, "key");
    const auto signature = signature_member(object);
    if (!format || !journal || !node || !sequence || !chain || !previous || !time || closing == nullptr ||
        !closing->is_bool() || !key || !signature) {
        return std::nullopt;
    }
    const auto id = Uuid::parse(*journal);
    if (!id) return std::nullopt;
    Checkpoint out;
    out.journal = *id;
    out.node = std::string(*node);
    out.state = {static_cast<std::uint64_t>(*sequence), *chain};
    out.previous = *previous;
    out.time = Timestamp::from_millis(*time);
    out.closing = closing->as_bool();
    out.signer.id = *key;
    out.signature = *signature;
    if (*format != 1 && !read_generations(object, out)) return std::nullopt;
    return out;
}

json::value successor_json(const std::optional<SigningKey>& successor) {
    if (!successor) return nullptr;
    return json::object{{"generation", successor->name.generation},
                        {"key", to_text(successor->name.id)},
                        {"publicKey", to_hex(successor->public_key)}};
}

}  // namespace

Digest signed_digest(const Checkpoint& checkpoint) {
    const bool generations = has_generations(checkpoint);
    CanonicalEncoder encoder(generations ? kDomainWithGenerations : kDomain);
    encoder.text(checkpoint.journal.text())
        .text(checkpoint.node)
        .number(static_cast<std::int64_t>(checkpoint.state.sequence))
        .bytes(checkpoint.state.chain)
        .bytes(checkpoint.previous)
        .number(checkpoint.time.millis())
        .boolean(checkpoint.closing);
    if (generations) {
        encoder.number(checkpoint.signer.generation);
        if (checkpoint.successor) {
            encoder.number(checkpoint.successor->name.generation).bytes(checkpoint.successor->public_key);
        } else {
            encoder.absent().absent();
        }
    }
    encoder.bytes(checkpoint.signer.id);
    return sha256({encoder.result()});
}

std::string to_json(const Checkpoint& checkpoint) {
    const bool generations = has_generations(checkpoint);
    json::object out{{"format", generations ? 2 : 1},
                     {"journal", checkpoint.journal.text()},
                     {"node", json::string_view(checkpoint.node)},
                     {"sequence", static_cast<std::int64_t>(checkpoint.state.sequence)},
                     {"chain", to_text(checkpoint.state.chain)},
                     {"previous", to_text(checkpoint.previous)},
                     {"timeMs", checkpoint.time.millis()},
                     {"closing", checkpoint.closing}};
    if (generations) {
        out.emplace("generation", checkpoint.signer.generation);
        out.emplace("successor", successor_json(checkpoint.successor));
    }
    out.emplace("key", to_text(checkpoint.signer.id));
    out.emplace("signature", to_hex(checkpoint.signature));
    return json::serialize(out);
}

std::optional<Checkpoint> parse_checkpoint(std::string_view text) {
    boost::system::error_code error;
    const auto value = json::parse(json::string_view(text.data(), text.size()), error);
    if (error || !value.is_object()) return std::nullopt;
    auto checkpoint = from_object(value.get_object());
    if (!checkpoint || to_json(*checkpoint) != text) return std::nullopt;
    return checkpoint;
}

}  // namespace coffer::audit
