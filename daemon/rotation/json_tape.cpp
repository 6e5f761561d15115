#include "daemon/rotation/json_tape.hpp"

#include <limits>

#include "daemon/rotation/code_points.hpp"
#include "proto/utf8.hpp"

namespace coffer::rotation {

class JsonTapeReader {
public:
    explicit JsonTapeReader(std::string_view text) : text_(text) {}

    /// False where the text is no JSON.
    bool read() {
        bool wanted = true;
        while (true) {
            if (wanted) {
                if (!read_value(wanted)) return false;
                continue;
            }
            skip_blanks();
            if (open_.empty()) return at_ == text_.size();
            const bool is_object = tape_.values_[open_.back()].kind == JsonTape::Kind::object;
            if (take(is_object ? '}' : ']')) {
                close();
            } else if (take(',')) {
                if (is_object && !read_name()) return false;
                wanted = true;
            } else {
                return false;
            }
        }
    }
    [[nodiscard]] JsonTape release() { return std::move(tape_); }

private:
    [[nodiscard]] bool at(std::string_view characters) const {
        return at_ < text_.size() && characters.find(text_[at_]) != std::string_view::npos;
    }
    bool take(char c) {
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    bool take(std::string_view word) {
        if (!text_.substr(at_).starts_with(word)) return false;
        at_ += word.size();
        return true;
    }
    void skip_blanks() {
        while (at(" \t\n\r")) ++at_;
    }
    [[nodiscard]] std::uint32_t place() const { return static_cast<std::uint32_t>(at_); }

    /// `wanted` says whether another value follows, within this one.
    bool read_value(bool& wanted) {
        skip_blanks();
        const auto index = static_cast<std::uint32_t>(tape_.values_.size());
        auto& value = tape_.values_.emplace_back();
        value.begin = place();
        value.name_begin = std::exchange(name_begin_, 0);
        value.name_end = std::exchange(name_end_, 0);
        if (at("{[")) {
            const bool is_object = text_[at_++] == '{';
            value.kind = is_object ? JsonTape::Kind::object : JsonTape::Kind::array;
            open_.push_back(index);
            skip_blanks();
            wanted = !at(is_object ? "}" : "]");
            return !wanted || !is_object || read_name();
        }
        wanted = false;
        if (!read_scalar(value.kind)) return false;
        value.end = place();
        value.after = index + 1;
        return true;
    }
    bool read_scalar(JsonTape::Kind& kind) {
        if (at("\"")) {
            kind = JsonTape::Kind::text;
            return read_string();
        }
        if (take("true") || take("false")) {
            kind = JsonTape::Kind::boolean;
            return true;
        }
        if (take("null")) {
            kind = JsonTape::Kind::null;
            return true;
        }
        kind = JsonTape::Kind::number;
        return read_number();
    }
    void close() {
        auto& value = tape_.values_[open_.back()];
        open_.pop_back();
        value.end = place();
        value.after = static_cast<std::uint32_t>(tape_.values_.size());
    }
    bool read_name() {
        skip_blanks();
        name_begin_ = place();
        if (!read_string()) return false;
        name_end_ = place();
        skip_blanks();
        return take(':');
    }
    bool read_string() {
        if (!take('"')) return false;
        while (at_ < text_.size()) {
            const char c = text_[at_++];
            if (c == '"') return true;
            if (static_cast<unsigned char>(c) < 0x20) return false;
            if (c != '\\') continue;
            if (!at("\"\\/bfnrtu")) return false;
            if (text_[at_++] != 'u') continue;
            if (!hex_code(text_.substr(at_), 4)) return false;
            at_ += 4;
        }
        return false;
    }
    bool read_digits() {
        const auto begin = at_;
        while (at("0123456789")) ++at_;
        return at_ > begin;
    }
    bool read_number() {
        static_cast<void>(take('-'));
        if (!take('0') && !read_digits()) return false;
        if (take('.') && !read_digits()) return false;
        if (!take('e') && !take('E')) return true;
        if (!take('-')) static_cast<void>(take('+'));
        return read_digits();
    }

    const std::string_view text_;
    std::size_t at_ = 0;
    JsonTape tape_;
    std::vector<std::uint32_t> open_;
    /// Of the value that comes next.
    std::uint32_t name_begin_ = 0;
    std::uint32_t name_end_ = 0;
};

std::optional<JsonTape> JsonTape::read(std::string_view text) {
    if (text.size() >= std::numeric_limits<std::uint32_t>::max() || !proto::utf8_length(text)) {
        return std::nullopt;
    }
    JsonTapeReader reader(text);
    if (!reader.read()) return std::nullopt;
    return reader.release();
}

crypto::SecretBytes json_unquoted(std::string_view quoted) {
    static constexpr std::string_view kShort = "bfnrt";
    static constexpr std::string_view kMeant = "\b\f\n\r\t";
    auto rest = quoted.substr(1, quoted.size() - 2);
    crypto::SecretBytes out(rest.size());  // no escape is shorter than what it stands for
    auto* const begin = reinterpret_cast<char*>(out.writable().data());
    auto* end = begin;
    while (!rest.empty()) {
        if (rest.front() != '\\') {
            *end++ = rest.front();
            rest.remove_prefix(1);
            continue;
        }
        const char which = rest[1];
        rest.remove_prefix(2);
        if (which == 'u') {
            const auto read = read_utf16(rest);
            end += write_code_point(read.code_point, end);
            rest.remove_prefix(read.size);
        } else {
            const auto found = kShort.find(which);
            *end++ = found == std::string_view::npos ? which : kMeant[found];
        }
    }
    out.truncate(static_cast<std::size_t>(end - begin));
    return out;
}

bool json_says(std::string_view quoted, std::string_view text) {
    if (quoted.find('\\') == std::string_view::npos) return quoted.substr(1, quoted.size() - 2) == text;
    return json_unquoted(quoted).text() == text;
}

}  // namespace coffer::rotation
