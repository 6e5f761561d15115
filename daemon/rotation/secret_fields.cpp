#include "daemon/rotation/secret_fields.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/json_tape.hpp"
#include "daemon/rotation/secret_json.hpp"
#include "proto/utf8.hpp"

namespace coffer::rotation {

using crypto::SecretBytes;

namespace {

constexpr std::size_t kMostBytes = 65536;
constexpr std::size_t kFewestDigits = 4;
constexpr std::size_t kMostShownName = 64;

[[noreturn]] void hopeless(const std::string& what) {
    throw StepFailed(StepFailed::Kind::hopeless, what);
}

std::string shown(std::string_view name) {
    return "\"" + proto::printable(name, kMostShownName) + "\"";
}

bool is_whole_number(std::string_view written) {
    return written.find_first_of(".eE") == std::string_view::npos;
}

/// Of RFC 6901: "~1" is a slash, "~0" a tilde.
std::string pointer_token(std::string_view written) {
    std::string token;
    for (std::size_t i = 0; i < written.size(); ++i) {
        const bool escaped = written[i] == '~' && i + 1 < written.size();
        token += !escaped ? written[i] : written[++i] == '1' ? '/' : '~';
    }
    return token;
}

}  // namespace

struct SecretFields::Store {
    using Value = JsonTape::Value;
    using Kind = JsonTape::Kind;

    /// Null for what is no JSON.
    static std::unique_ptr<Store> of(const SecretBytes& value);

    [[nodiscard]] const Value& at(std::uint32_t index) const { return tape.values()[index]; }
    [[nodiscard]] std::string_view written(std::uint32_t index) const {
        return text.text().substr(at(index).begin, at(index).end - at(index).begin);
    }
    [[nodiscard]] std::string_view written_name(std::uint32_t index) const {
        return text.text().substr(at(index).name_begin, at(index).name_end - at(index).name_begin);
    }
    /// What is written in quotes; refers to this.
    [[nodiscard]] std::string_view unquoted(std::string_view quoted) const;
    /// The member of an object. Throws StepFailed when it has two of that name: which of them counts is for
    /// everybody who reads it to guess.
    [[nodiscard]] std::optional<std::uint32_t> member_of(std::uint32_t object, std::string_view name) const;
    [[nodiscard]] std::optional<std::uint32_t> find_at(std::string_view pointer) const;
    [[nodiscard]] std::optional<std::string_view> text_of(std::optional<std::uint32_t> index,
                                                          std::string_view name) const;

    SecretBytes text;
    JsonTape tape;
    /// Texts that have been set, by the values whose place they take, and such as are new.
    std::map<std::uint32_t, SecretBytes> replaced;
    std::vector<std::pair<std::string, SecretBytes>> added;
    /// Texts with escapes that were asked for, by where they are written.
    mutable std::map<const char*, SecretBytes> decoded;
};

std::unique_ptr<SecretFields::Store> SecretFields::Store::of(const SecretBytes& value) {
    auto tape = JsonTape::read(value.text());
    if (!tape) return nullptr;
    auto store = std::make_unique<Store>();
    store->text = value.clone();
    store->tape = std::move(*tape);
    return store;
}

std::string_view SecretFields::Store::unquoted(std::string_view quoted) const {
    if (quoted.find('\\') == std::string_view::npos) return quoted.substr(1, quoted.size() - 2);
    auto& kept = decoded[quoted.data()];
    if (kept.empty()) kept = json_unquoted(quoted);
    return kept.text();
}

std::optional<std::uint32_t> SecretFields::Store::member_of(std::uint32_t object,
                                                            std::string_view name) const {
    std::optional<std::uint32_t> found;
    for (auto index = object + 1; index < at(object).after; index = at(index).after) {
        if (!json_says(written_name(index), name)) continue;
        if (found) {
            hopeless(
                "the field " + shown(name) +
                " comes more than once in one object, so that it is not known which is meant: leave one");
        }
        found = index;
    }
    return found;
}

std::optional<std::uint32_t> SecretFields::Store::find_at(std::string_view pointer) const {
    std::uint32_t index = 0;
    while (!pointer.empty()) {
        if (pointer.front() != '/') return std::nullopt;
        pointer.remove_prefix(1);
        const auto token = pointer_token(pointer.substr(0, pointer.find('/')));
        pointer.remove_prefix(std::min(pointer.find('/'), pointer.size()));
        if (at(index).kind == Kind::object) {
            const auto member = member_of(index, token);
            if (!member) return std::nullopt;
            index = *member;
            continue;
        }
        std::size_t place = 0;
        const auto parsed = std::from_chars(token.data(), token.data() + token.size(), place);
        const bool is_place = parsed.ec == std::errc{} && parsed.ptr == token.data() + token.size() &&
                              (token == "0" || !token.starts_with('0'));
        if (at(index).kind != Kind::array || !is_place) return std::nullopt;
        const auto end = at(index).after;
        ++index;
        for (; place > 0 && index < end; --place) index = at(index).after;
        if (index >= end) return std::nullopt;
    }
    return index;
}

std::optional<std::string_view> SecretFields::Store::text_of(std::optional<std::uint32_t> index,
                                                             std::string_view name) const {
    if (!index) return std::nullopt;
    const auto set = replaced.find(*index);
    if (set != replaced.end()) return set->second.text();
    if (at(*index).kind == Kind::null) return std::nullopt;
    if (at(*index).kind == Kind::text) {
        const auto said = unquoted(written(*index));
        if (!proto::utf8_length(said)) {
            hopeless("the secret's field " + shown(name) +
                     " has a \\u escape that is half of a pair of surrogates, and so no character");
        }
        return said;
    }
    if (at(*index).kind == Kind::number && is_whole_number(written(*index))) return written(*index);
    hopeless("the secret's field " + shown(name) + " must be a text");
}

SecretFields::SecretFields(std::unique_ptr<Store> store) : store_(std::move(store)) {}
SecretFields::SecretFields(SecretFields&&) noexcept = default;
SecretFields& SecretFields::operator=(SecretFields&&) noexcept = default;
SecretFields::~SecretFields() = default;

SecretFields SecretFields::parse(const SecretBytes& value) {
    if (value.size() > kMostBytes) hopeless("the secret's value is too long for a JSON object of fields");
    auto store = Store::of(value);
    if (!store) {
        hopeless(
            "the secret's value is not JSON; this rotation function wants an object of fields, such as "
            "{\"username\": ..., \"password\": ...}");
    }
    if (store->at(0).kind != JsonTape::Kind::object) {
        hopeless(
            "the secret's value is not a JSON object; this rotation function wants one, such as "
            "{\"username\": ..., \"password\": ...}");
    }
    return SecretFields(std::move(store));
}

std::optional<std::string_view> SecretFields::find(std::string_view name) const {
    for (const auto& [added, text] : store_->added) {
        if (added == name) return text.text();
    }
    return store_->text_of(store_->member_of(0, name), name);
}

std::optional<std::string_view> SecretFields::find_at(std::string_view pointer) const {
    return store_->text_of(store_->find_at(pointer), pointer);
}

std::vector<std::string> SecretFields::texts(std::string_view name) const {
    using Kind = JsonTape::Kind;
    const auto refuse = [name] {
        hopeless("the secret's field " + shown(name) + " must be a list of texts");
    };
    const auto index = store_->member_of(0, name);
    if (!index || store_->replaced.contains(*index) || store_->at(*index).kind != Kind::array) {
        if (index && store_->at(*index).kind == Kind::number) refuse();
        const auto one = find(name);
        return one ? std::vector<std::string>{std::string(*one)} : std::vector<std::string>();
    }
    std::vector<std::string> texts;
    for (auto each = *index + 1; each < store_->at(*index).after; each = store_->at(each).after) {
        if (store_->at(each).kind != Kind::text) refuse();
        texts.emplace_back(*store_->text_of(each, name));
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
    for (auto& [added, text] : store_->added) {
        if (added != name) continue;
        text = SecretBytes::copy_of(value);
        return;
    }
    if (const auto index = store_->member_of(0, name)) {
        store_->replaced.insert_or_assign(*index, SecretBytes::copy_of(value));
    } else {
        store_->added.emplace_back(name, SecretBytes::copy_of(value));
    }
}

SecretBytes SecretFields::text() const {
    const auto whole = store_->text.text();
    SecretJson out;
    std::size_t done = 0;
    for (const auto& [index, text] : store_->replaced) {
        const auto& value = store_->at(index);
        out.as_written(whole.substr(done, value.begin - done)).text(text.text());
        done = value.end;
    }
    // Behind the last member, before the blanks that follow it.
    auto end = whole.find_last_of('}');
    while (std::string_view(" \t\n\r").find(whole[end - 1]) != std::string_view::npos) --end;
    out.as_written(whole.substr(done, end - done));
    bool first = store_->at(0).after == 1;
    for (const auto& [name, text] : store_->added) {
        if (!std::exchange(first, false)) out.as_written(",");
        out.text(name).as_written(":").text(text.text());
    }
    out.as_written(whole.substr(end));
    if (out.size() > kMostBytes) hopeless("the secret's new value would be longer than 65536 bytes");
    return out.take();
}

void SecretFields::visit_texts(const SecretBytes& value, const Visit& visit) {
    const auto store = Store::of(value);
    if (!store) return;
    const auto& values = store->tape.values();
    // Of each value the member whose name it has: of an array's elements that which the array is under.
    std::vector<std::uint32_t> named(values.size());
    std::vector<std::uint32_t> around;
    for (std::uint32_t i = 0; i < values.size(); ++i) {
        while (!around.empty() && values[around.back()].after <= i) around.pop_back();
        named[i] = values[i].name_end != 0 || around.empty() ? i : named[around.back()];
        const auto& each = values[i];
        if (each.kind == JsonTape::Kind::object || each.kind == JsonTape::Kind::array) around.push_back(i);
        if (each.kind != JsonTape::Kind::text && each.kind != JsonTape::Kind::number) continue;
        const auto written_name = store->written_name(named[i]);
        const auto name = written_name.empty() ? written_name : store->unquoted(written_name);
        const auto written = store->written(i);
        if (each.kind == JsonTape::Kind::text) {
            visit(name, store->unquoted(written));
        } else if (is_whole_number(written) && written.size() >= kFewestDigits) {
            visit(name, written);
        }
    }
}

}  // namespace coffer::rotation
