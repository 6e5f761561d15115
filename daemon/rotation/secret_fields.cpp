#include "daemon/rotation/secret_fields.hpp"

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serializer.hpp>
#include <boost/json/static_resource.hpp>
#include <boost/json/stream_parser.hpp>
#include <boost/json/value.hpp>
#include <charconv>

#include "daemon/rotation/function.hpp"

namespace coffer::rotation {

namespace json = boost::json;

namespace {

constexpr std::size_t kMostBytes = 65536;
/// What a value of so many bytes takes as a tree, and room for a few fields that are set: each takes new
/// memory, and none is given back before the end.
constexpr std::size_t kRoomPerByte = 24;
constexpr std::size_t kRoomBesides = 16 * 1024;

[[noreturn]] void hopeless(const std::string& what) {
    throw StepFailed(StepFailed::Kind::hopeless, what);
}

using NumberRoom = std::array<char, 24>;

std::string_view number_text(const json::value& value, NumberRoom& room) {
    const auto end = value.is_int64()
                         ? std::to_chars(room.data(), room.data() + room.size(), value.get_int64()).ptr
                         : std::to_chars(room.data(), room.data() + room.size(), value.get_uint64()).ptr;
    return {room.data(), static_cast<std::size_t>(end - room.data())};
}

constexpr std::size_t kFewestDigits = 4;

/// As deep as the parser goes.
void visit_value(std::string_view name, const json::value& value, const SecretFields::Visit& visit) {
    if (const auto* text = value.if_string()) {
        visit(name, {text->data(), text->size()});
    } else if (value.is_int64() || value.is_uint64()) {
        NumberRoom room{};
        const auto digits = number_text(value, room);
        if (digits.size() >= kFewestDigits) visit(name, digits);
    } else if (const auto* array = value.if_array()) {
        for (const auto& element : *array) visit_value(name, element, visit);
    } else if (const auto* object = value.if_object()) {
        for (const auto& member : *object) {
            visit_value({member.key().data(), member.key().size()}, member.value(), visit);
        }
    }
}

}  // namespace

struct SecretFields::Store {
    Store(std::size_t size, std::size_t to_come)
        : memory(size * kRoomPerByte + to_come * 2 + kRoomBesides),
          resource(memory.writable().data(), memory.size()) {}

    /// Null for what is no JSON.
    static std::unique_ptr<Store> of(const crypto::SecretBytes& value, std::size_t to_come);

    crypto::SecretBytes memory;
    json::static_resource resource;
    json::value root;
    /// The text of the number that was asked for last.
    mutable NumberRoom number{};

    [[nodiscard]] std::optional<std::string_view> text_of(const json::value* value,
                                                          std::string_view name) const;
};

std::unique_ptr<SecretFields::Store> SecretFields::Store::of(const crypto::SecretBytes& value,
                                                             std::size_t to_come) try {
    auto store = std::make_unique<Store>(value.size(), to_come);
    // The parser's own stack is in locked memory as well.
    crypto::SecretBytes stack(value.size() * 2 + 4096);
    json::stream_parser parser(&store->resource, {}, stack.writable().data(), stack.size());
    const auto text = value.text();
    parser.write(text.data(), text.size());
    parser.finish();
    store->root = json::value(parser.release());
    return store;
} catch (const std::exception&) {
    return nullptr;
}

SecretFields::SecretFields(std::unique_ptr<Store> store) : store_(std::move(store)) {}
SecretFields::SecretFields(SecretFields&&) noexcept = default;
SecretFields& SecretFields::operator=(SecretFields&&) noexcept = default;
SecretFields::~SecretFields() = default;

SecretFields SecretFields::parse(const crypto::SecretBytes& value, std::size_t to_come) {
    if (value.size() > kMostBytes) hopeless("the secret's value is too long for a JSON object of fields");
    auto store = Store::of(value, to_come);
    if (!store) {
        hopeless(
            "the secret's value is not JSON; this rotation function wants an object of fields, such as "
            "{\"username\": ..., \"password\": ...}");
    }
    if (!store->root.is_object()) {
        hopeless(
            "the secret's value is not a JSON object; this rotation function wants one, such as "
            "{\"username\": ..., \"password\": ...}");
    }
    return SecretFields(std::move(store));
}

std::optional<std::string_view> SecretFields::Store::text_of(const json::value* value,
                                                             std::string_view name) const {
    if (value == nullptr || value->is_null()) return std::nullopt;
    if (const auto* text = value->if_string()) return std::string_view(text->data(), text->size());
    if (value->is_int64() || value->is_uint64()) return number_text(*value, number);
    hopeless("the secret's field \"" + std::string(name) + "\" must be a text");
}

std::optional<std::string_view> SecretFields::find(std::string_view name) const {
    return store_->text_of(store_->root.get_object().if_contains(name), name);
}

std::optional<std::string_view> SecretFields::find_at(std::string_view pointer) const {
    json::error_code absent;
    return store_->text_of(store_->root.find_pointer(pointer, absent), pointer);
}

std::vector<std::string> SecretFields::texts(std::string_view name) const {
    const auto* value = store_->root.get_object().if_contains(name);
    if (value == nullptr || value->is_null()) return {};
    if (const auto* text = value->if_string()) return {std::string(text->data(), text->size())};
    const auto* list = value->if_array();
    std::vector<std::string> texts;
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
        const auto* text = (*list)[i].if_string();
        if (text == nullptr) break;
        texts.emplace_back(text->data(), text->size());
    }
    if (list == nullptr || texts.size() != list->size()) {
        hopeless("the secret's field \"" + std::string(name) + "\" must be a list of texts");
    }
    return texts;
}

std::string_view SecretFields::require(std::string_view name) const {
    const auto value = find(name);
    if (!value || value->empty()) {
        hopeless("the secret has no field \"" + std::string(name) + "\", which its rotation function needs");
    }
    return *value;
}

std::uint16_t SecretFields::port(std::uint16_t otherwise) const {
    const auto text = find("port");
    if (!text) return otherwise;
    std::uint16_t port = 0;
    const auto parsed = std::from_chars(text->data(), text->data() + text->size(), port);
    if (parsed.ec != std::errc{} || parsed.ptr != text->data() + text->size() || port == 0) {
        hopeless("the secret's field \"port\" must be a number from 1 to 65535");
    }
    return port;
}

void SecretFields::set(std::string_view name, std::string_view value) {
    auto& object = store_->root.get_object();
    object.insert_or_assign(name, json::value(value, &store_->resource));
}

crypto::SecretBytes SecretFields::text() const {
    json::serializer serializer;
    crypto::SecretBytes piece(4096);
    const auto room = piece.writable();
    auto* const begin = reinterpret_cast<char*>(room.data());
    std::size_t size = 0;
    serializer.reset(&store_->root);
    while (!serializer.done()) size += serializer.read(begin, room.size()).size();
    if (size > kMostBytes) hopeless("the secret's new value would be longer than 65536 bytes");
    crypto::SecretBytes out(size);
    serializer.reset(&store_->root);
    static_cast<void>(serializer.read(reinterpret_cast<char*>(out.writable().data()), out.size()));
    return out;
}

void SecretFields::visit_texts(const crypto::SecretBytes& value, const Visit& visit) {
    if (const auto store = Store::of(value, 0)) visit_value("", store->root, visit);
}

}  // namespace coffer::rotation
