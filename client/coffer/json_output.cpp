#include "client/coffer/json_output.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <boost/json/memory_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <charconv>
#include <memory>
#include <new>
#include <set>
#include <vector>

#include "client/coffer/schema.hpp"
#include "client/coffer/timestamp.hpp"
#include "client/coffer/visible.hpp"

namespace coffer::cli {

namespace {

namespace json = boost::json;
using google::protobuf::Message;
using google::protobuf::Reflection;

/// The heap, wiped when it is given back.
class WipingResource final : public json::memory_resource {
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
        return ::operator new(bytes, std::align_val_t(alignment));
    }
    void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
        OPENSSL_cleanse(memory, bytes);
        ::operator delete(memory, std::align_val_t(alignment));
    }
    bool do_is_equal(const json::memory_resource& other) const noexcept override {
        return dynamic_cast<const WipingResource*>(&other) != nullptr;
    }
};

class Converter {
public:
    json::value convert(const Message& message) const {
        const Descriptor& type = *message.GetDescriptor();
        if (is_list_wrapper(type)) return repeated(message, *type.field(0));
        json::object object(storage_);
        for (int i = 0; i < type.field_count(); ++i) add_member(object, message, *type.field(i));
        return object;
    }

private:
    void add_member(json::object& object, const Message& message, const FieldDescriptor& field) const {
        const Reflection& reflection = *message.GetReflection();
        if (field.is_map()) {
            if (reflection.FieldSize(message, &field) > 0) object[field.json_name()] = map(message, field);
        } else if (field.is_repeated()) {
            const bool shown_when_empty = field.options().GetExtension(v1::emit_empty);
            if (reflection.FieldSize(message, &field) > 0 || shown_when_empty) {
                object[field.json_name()] = repeated(message, field);
            }
        } else if (reflection.HasField(message, &field)) {
            object[field.json_name()] = single(message, field);
        }
    }

    /// Maps are messages {key, value} to reflection; sorted, since protobuf's order is no order.
    json::value map(const Message& message, const FieldDescriptor& field) const {
        const Reflection& reflection = *message.GetReflection();
        const auto* key = field.message_type()->map_key();
        const auto* value = field.message_type()->map_value();
        std::vector<const Message*> entries;
        for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
            entries.push_back(&reflection.GetRepeatedMessage(message, &field, i));
        }
        const auto key_of = [&](const Message* entry) {
            return entry->GetReflection()->GetString(*entry, key);
        };
        std::sort(entries.begin(), entries.end(),
                  [&](const auto* a, const auto* b) { return key_of(a) < key_of(b); });
        json::object object(storage_);
        for (const auto* entry : entries) object[key_of(entry)] = single(*entry, *value);
        return object;
    }

    json::value repeated(const Message& message, const FieldDescriptor& field) const {
        const Reflection& reflection = *message.GetReflection();
        json::array array(storage_);
        for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
            if (field.message_type() != nullptr) {
                array.push_back(convert(reflection.GetRepeatedMessage(message, &field, i)));
            } else {
                array.push_back(text(reflection.GetRepeatedString(message, &field, i)));
            }
        }
        return array;
    }

    json::value single(const Message& message, const FieldDescriptor& field) const {
        const Reflection& reflection = *message.GetReflection();
        switch (field.cpp_type()) {
            case FieldDescriptor::CPPTYPE_MESSAGE:
                return convert(reflection.GetMessage(message, &field));
            case FieldDescriptor::CPPTYPE_BOOL:
                return reflection.GetBool(message, &field);
            case FieldDescriptor::CPPTYPE_INT64:
                return reflection.GetInt64(message, &field);
            case FieldDescriptor::CPPTYPE_DOUBLE:  // in this schema: always a time
                return text(iso_8601(reflection.GetDouble(message, &field)));
            default: {
                std::string scratch;
                const std::string& bytes = reflection.GetStringReference(message, &field, &scratch);
                if (limits(field).json()) return document(bytes);
                return is_text(field) ? text(bytes) : text(base64(bytes));
            }
        }
    }

    /// JSON as the JSON that it is; text when it is none after all.
    json::value document(std::string_view characters) const {
        json::error_code error;
        auto value = json::parse(json::string_view(characters.data(), characters.size()), error, storage_);
        return error ? text(characters) : value;
    }

    json::value text(std::string_view characters) const { return json::string(characters, storage_); }

    json::storage_ptr storage_ = json::make_shared_resource<WipingResource>();
};

bool is_scalar(const json::value& value) {
    return !value.is_object() && !value.is_array();
}

/// A scalar as the AWS CLI's text and table formats show it (which is Python's way).
SecretText plain(const json::value& value) {
    if (value.is_string()) return SecretText(value.get_string().data(), value.get_string().size());
    if (value.is_bool()) return value.get_bool() ? "True" : "False";
    if (value.is_int64()) return SecretText(std::to_string(value.get_int64()));
    return "None";
}

class PrettyPrinter {
public:
    explicit PrettyPrinter(SecretText& out) : out_(out) {}

    void print(const json::value& value, std::size_t depth = 0) {
        if (const auto* object = value.if_object()) {
            print_all('{', '}', *object, depth, [&](const auto& member) {
                append_json_string(out_, member.key());
                out_ += ": ";
                print(member.value(), depth + 1);
            });
        } else if (const auto* array = value.if_array()) {
            print_all('[', ']', *array, depth,
                      [&](const json::value& element) { print(element, depth + 1); });
        } else if (const auto* string = value.if_string()) {
            append_json_string(out_, *string);
        } else if (const auto* flag = value.if_bool()) {
            out_ += *flag ? "true" : "false";
        } else if (value.is_number()) {
            out_ += json::serialize(value).c_str();
        } else {
            out_ += "null";
        }
    }

private:
    template <class Container, class PrintOne>
    void print_all(char open, char close, const Container& elements, std::size_t depth, PrintOne print_one) {
        constexpr std::size_t kIndent = 4;
        out_ += open;
        bool first = true;
        for (const auto& element : elements) {
            out_ += first ? "\n" : ",\n";
            out_.append((depth + 1) * kIndent, ' ');
            print_one(element);
            first = false;
        }
        if (!first) {
            out_ += '\n';
            out_.append(depth * kIndent, ' ');
        }
        out_ += close;
    }

    SecretText& out_;
};

/// The rules of the AWS CLI's text format: scalars of an object form one line, sorted by name; in a list of
/// objects every line has the columns of all of them; what is nested follows, named.
class TextPrinter {
public:
    TextPrinter(SecretText& out, Reader reader) : out_(out), reader_(reader) {}

    void print(const json::value& value, std::string_view name = {}) {
        if (const auto* object = value.if_object()) {
            print_object(*object, name, nullptr);
        } else if (const auto* array = value.if_array()) {
            print_array(*array, name);
        } else {
            print_line({plain(value)});
        }
    }

private:
    using Columns = std::set<std::string>;

    void print_array(const json::array& array, std::string_view name) {
        const bool of_objects =
            std::any_of(array.begin(), array.end(), [](const auto& e) { return e.is_object(); });
        if (of_objects) {
            Columns columns;
            for (const auto& element : array) {
                for (const auto& member : element.as_object()) {
                    if (is_scalar(member.value())) columns.insert(member.key());
                }
            }
            for (const auto& element : array) print_object(element.as_object(), name, &columns);
        } else {
            for (const auto& element : array) print_line({upper(name), plain(element)});
        }
    }

    void print_object(const json::object& object, std::string_view name, const Columns* columns) {
        Columns own;
        Columns nested;
        for (const auto& member : object) (is_scalar(member.value()) ? own : nested).insert(member.key());
        std::vector<SecretText> cells;
        for (const auto& column : columns == nullptr ? own : *columns) {
            const auto* value = object.if_contains(column);
            cells.push_back(value == nullptr ? SecretText() : plain(*value));
        }
        if (!cells.empty()) {
            if (!name.empty()) cells.insert(cells.begin(), upper(name));
            print_line(cells);
        }
        for (const auto& member : nested) print(object.at(member), member);
    }

    void print_line(const std::vector<SecretText>& cells) {
        for (std::size_t i = 0; i < cells.size(); ++i) {
            if (i > 0) out_ += '\t';
            out_ += reader_ == Reader::terminal ? visible(view(cells[i])) : cells[i];
        }
        out_ += '\n';
    }

    static SecretText upper(std::string_view name) {
        SecretText text(name);
        std::transform(text.begin(), text.end(), text.begin(),
                       [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
        return text;
    }

    SecretText& out_;
    Reader reader_;
};

/// Characters, not bytes; good enough for names and ARNs, which are ASCII.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// One box after the other, all of one width: titles, and rows of "name | value".
class BoxPrinter {
public:
    explicit BoxPrinter(SecretText& out) : out_(out) {}

    void print(std::string_view title, const json::value& value) {
        collect(std::string(title), value);
        std::size_t inner = 0;
        for (const auto& section : sections_) {
            inner =
                std::max({inner, width_of(section.title), names_width(section) + 3 + values_width(section)});
        }
        rule(inner);
        for (const auto& section : sections_) {
            line(SecretText(section.title), inner);
            rule(inner);
            for (const auto& [name, cell] : section.rows) {
                SecretText text(name);
                text.append(names_width(section) - width_of(name), ' ');
                text += " | ";
                text += cell;
                line(text, inner);
            }
            if (!section.rows.empty()) rule(inner);
        }
    }

private:
    struct Section {
        std::string title;
        std::vector<std::pair<std::string, SecretText>> rows;
    };

    /// What fits one cell: a scalar, or a list of scalars.
    static bool is_cell(const json::value& value) {
        const auto* array = value.if_array();
        return array == nullptr ? is_scalar(value) : std::all_of(array->begin(), array->end(), is_scalar);
    }

    /// Keys of maps are other people's text as well.
    static std::string name(std::string_view key) { return std::string(view(visible(key))); }

    static SecretText cell(const json::value& value) {
        const auto* array = value.if_array();
        if (array == nullptr) return visible(view(plain(value)));
        SecretText text;
        for (const auto& element : *array) {
            if (!text.empty()) text += ", ";
            text += visible(view(plain(element)));
        }
        return text;
    }

    void collect(const std::string& title, const json::value& value) {
        if (const auto* object = value.if_object()) {
            Section section{title, {}};
            for (const auto& member : *object) {
                if (is_cell(member.value()))
                    section.rows.emplace_back(name(member.key()), cell(member.value()));
            }
            sections_.push_back(std::move(section));
            for (const auto& member : *object) {
                if (!is_cell(member.value())) collect(name(member.key()), member.value());
            }
        } else if (const auto* array = value.if_array()) {
            for (std::size_t i = 0; i < array->size(); ++i) {
                collect(title + " " + std::to_string(i + 1), (*array)[i]);
            }
        }
    }

    static std::size_t names_width(const Section& section) {
        std::size_t width = 0;
        for (const auto& row : section.rows) width = std::max(width, width_of(row.first));
        return width;
    }
    static std::size_t values_width(const Section& section) {
        std::size_t width = 0;
        for (const auto& row : section.rows) width = std::max(width, width_of(view(row.second)));
        return width;
    }

    void rule(std::size_t inner) {
        out_ += '+';
        out_.append(inner + 2, '-');
        out_ += "+\n";
    }
    void line(const SecretText& text, std::size_t inner) {
        out_ += "| ";
        out_ += text;
        out_.append(inner - std::min(inner, width_of(view(text))), ' ');
        out_ += " |\n";
    }

    SecretText& out_;
    std::vector<Section> sections_;
};

}  // namespace

json::value to_json(const Message& message) {
    return Converter().convert(message);
}

SecretText pretty_json(const json::value& value) {
    SecretText out;
    if (value.is_object() && value.get_object().empty()) return out;
    PrettyPrinter(out).print(value);
    out += '\n';
    return out;
}

SecretText tab_separated(const json::value& value, Reader reader) {
    SecretText out;
    TextPrinter(out, reader).print(value);
    return out;
}

SecretText boxes(std::string_view title, const json::value& value) {
    SecretText out;
    if (value.is_object() && value.get_object().empty()) return out;
    BoxPrinter(out).print(title, value);
    return out;
}

void append_json_string(SecretText& out, std::string_view text) {
    constexpr unsigned char kFirstPrintable = 0x20;
    out += '"';
    for (const char c : text) {
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\b':
                out += "\\b";
                break;
            case '\f':
                out += "\\f";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                if (static_cast<unsigned char>(c) < kFirstPrintable) {
                    out += fmt::format("\\u{:04x}", static_cast<unsigned>(c)).c_str();
                } else {
                    out += c;
                }
        }
    }
    out += '"';
}

std::string base64(std::string_view bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');  // EVP_EncodeBlock adds a NUL
    const int length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

}  // namespace coffer::cli
