#include "client/coffer/visible.hpp"

#include <fmt/format.h>

#include <boost/nowide/utf/utf.hpp>

#include "proto/utf8.hpp"

namespace coffer::cli {

namespace {

namespace utf = boost::nowide::utf;

/// "\n" or "\u001b"; all controls are in the basic plane.
void append_escape(SecretText& out, char32_t c) {
    constexpr std::string_view kShort = "b\bt\tn\nf\fr\r";
    for (std::size_t i = 0; i < kShort.size(); i += 2) {
        if (c != static_cast<unsigned char>(kShort[i + 1])) continue;
        out += '\\';
        out += kShort[i];
        return;
    }
    out += fmt::format("\\u{:04x}", static_cast<unsigned>(c)).c_str();
}

}  // namespace

SecretText visible(std::string_view text, std::string_view kept) {
    SecretText out;
    out.reserve(text.size());
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end) {
        const char* next = at;
        const auto c = utf::utf_traits<char>::decode(next, end);
        if (c == utf::illegal || c == utf::incomplete) {
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(*at)).c_str();
            ++at;  // the decoder may have eaten the head of a character that is whole
            continue;
        }
        if (proto::is_control(c) && kept.find(*at) == std::string_view::npos) {
            append_escape(out, c);
        } else {
            out.append(at, next);
        }
        at = next;
    }
    return out;
}

SecretText visible_lines(std::string_view text) {
    SecretText out;
    while (!text.empty()) {
        const auto end = text.find('\n');
        auto line = text.substr(0, end);
        const bool carriage_return = end != std::string_view::npos && line.ends_with('\r');
        if (carriage_return) line.remove_suffix(1);
        out += visible(line, "\t");
        if (end == std::string_view::npos) break;
        out += carriage_return ? "\r\n" : "\n";
        text.remove_prefix(end + 1);
    }
    return out;
}

}  // namespace coffer::cli
