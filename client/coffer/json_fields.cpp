#include "client/coffer/json_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <cstdint>

#include "client/coffer/failure.hpp"
#include "client/coffer/json_output.hpp"

namespace coffer::cli {

namespace {

namespace json = boost::json;

/// What the parser calls for each token. At depth 1 are the fields; deeper tokens are written out again.
class FieldHandler {
public:
    static constexpr std::size_t max_object_size =
        65'536;  // NOLINT(readability-identifier-naming): Boost's names
    static constexpr std::size_t max_array_size = 65'536;    // NOLINT(readability-identifier-naming)
    static constexpr std::size_t max_key_size = 65'536;      // NOLINT(readability-identifier-naming)
    static constexpr std::size_t max_string_size = 1 << 20;  // NOLINT(readability-identifier-naming)

    JsonFields fields;
    bool is_object = false;

    bool on_document_begin(json::error_code&) { return true; }
    bool on_document_end(json::error_code&) { return true; }

    bool on_object_begin(json::error_code&) {
        if (depth_ == 0) is_object = true;
        return begin('{');
    }
    bool on_object_end(std::size_t, json::error_code&) { return end('}'); }
    bool on_array_begin(json::error_code&) { return begin('['); }
    bool on_array_end(std::size_t, json::error_code&) { return end(']'); }

    bool on_key_part(json::string_view part, std::size_t, json::error_code&) { return append(part); }
    bool on_key(json::string_view part, std::size_t, json::error_code&) {
        append(part);
        if (depth_ == 1) {
            key_.assign(token_.data(), token_.size());
            value_.clear();
        } else {
            divide();
            append_json_string(value_, view(token_));
            value_ += ':';
            after_key_ = true;
        }
        token_.clear();
        return true;
    }
    bool on_string_part(json::string_view part, std::size_t, json::error_code&) { return append(part); }
    bool on_string(json::string_view part, std::size_t, json::error_code&) {
        append(part);
        if (depth_ == 1) {
            value_ = token_;
            keep();
        } else {
            divide();
            append_json_string(value_, view(token_));
        }
        token_.clear();
        return true;
    }
    bool on_number_part(json::string_view part, json::error_code&) { return append(part); }
    bool on_int64(std::int64_t, json::string_view part, json::error_code&) { return on_number(part); }
    bool on_uint64(std::uint64_t, json::string_view part, json::error_code&) { return on_number(part); }
    bool on_double(double, json::string_view part, json::error_code&) { return on_number(part); }
    bool on_bool(bool value, json::error_code&) { return on_word(value ? "true" : "false"); }
    bool on_null(json::error_code&) { return on_word("null"); }
    bool on_comment_part(json::string_view, json::error_code&) { return true; }
    bool on_comment(json::string_view, json::error_code&) { return true; }

private:
    bool append(json::string_view part) {
        token_.append(part.data(), part.size());
        return true;
    }

    bool on_number(json::string_view part) {
        append(part);
        const SecretText number = std::exchange(token_, {});
        return on_word(view(number));
    }

    bool on_word(std::string_view word) {
        divide();
        value_ += word;
        if (depth_ == 1) keep();
        return true;
    }

    bool begin(char bracket) {
        if (depth_++ == 0) return true;
        divide();
        value_ += bracket;
        first_ = true;
        return true;
    }

    bool end(char bracket) {
        if (--depth_ == 0) return true;
        value_ += bracket;
        first_ = false;
        if (depth_ == 1) keep();
        return true;
    }

    /// A comma between elements of what is nested.
    void divide() {
        if (depth_ > 1 && !after_key_ && !first_) value_ += ',';
        after_key_ = false;
        first_ = false;
    }

    void keep() {
        const auto same =
            std::find_if(fields.begin(), fields.end(), [&](const auto& f) { return f.first == key_; });
        if (same != fields.end()) {
            same->second = value_;
        } else {
            fields.emplace_back(key_, value_);
        }
        value_.clear();
        first_ = true;
    }

    std::string key_;
    SecretText token_;
    SecretText value_;
    int depth_ = 0;
    bool after_key_ = false;
    bool first_ = true;
};

}  // namespace

JsonFields parse_json_fields(std::string_view document, std::string_view what) {
    json::basic_parser<FieldHandler> parser{json::parse_options()};
    json::error_code error;
    const std::size_t used = parser.write_some(false, document.data(), document.size(), error);
    const auto rest = document.substr(std::min(used, document.size()));
    const bool whole = !error && parser.done() && rest.find_first_not_of(" \t\r\n") == std::string_view::npos;
    if (error == json::error::too_deep) {
        throw Failure(
            fmt::format("the value of {} is JSON with more than {} levels; coffer takes no fields from it",
                        what, json::parse_options().max_depth));
    }
    if (!whole || !parser.handler().is_object) {
        throw Failure(fmt::format("the value of {} is not a JSON object, so it has no fields", what));
    }
    return std::move(parser.handler().fields);
}

const SecretText* find_field(const JsonFields& fields, std::string_view name) {
    const auto found =
        std::find_if(fields.begin(), fields.end(), [&](const auto& f) { return f.first == name; });
    return found == fields.end() ? nullptr : &found->second;
}

std::string names_of(const JsonFields& fields) {
    std::string names;
    for (const auto& [name, value] : fields) names += (names.empty() ? "" : ", ") + name;
    return names.empty() ? "none" : names;
}

}  // namespace coffer::cli
