#include "hsm-config/coffer_hsm/profile_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace coffer::hsm_config {
namespace {

/// A TOML basic string (TOML 1.0, "String").
std::string toml_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        } else {
            out += c;
        }
    }
    return out + '"';
}

std::string as_comment(const std::string& heading) {
    std::string out;
    for (std::size_t begin = 0; begin < heading.size();) {
        const auto end = std::min(heading.find('\n', begin), heading.size());
        out += "# " + heading.substr(begin, end - begin) + '\n';
        begin = end + 1;
    }
    return out;
}

}  // namespace

std::string_view to_text(crypto::IvMode mode) noexcept {
    switch (mode) {
        case crypto::IvMode::caller:
            return "caller";
        case crypto::IvMode::written_back:
            return "written-back";
        case crypto::IvMode::appended:
            return "appended";
    }
    return "caller";
}

std::string profile_as_toml(const crypto::Profile& profile, const std::string& heading) {
    std::string out = as_comment(heading);
    out += fmt::format("name = {}\n", toml_string(profile.name));
    out += fmt::format("threads = {}\n", profile.threads);
    out += fmt::format("max_call_bytes = {}\n", profile.max_call_bytes);
    out += fmt::format("iv_mode = \"{}\"\n", to_text(profile.iv_mode));
    out += fmt::format("key_wrap_mechanism = {:#x}\n", profile.key_wrap.mechanism);
    out += fmt::format("unwrap_with_value_len = {}\n", profile.key_wrap.unwrap_with_value_len);
    out += fmt::format("data_key_handles = {}\n", profile.data_key_handles);
    out += fmt::format("copy_master_keys = {}\n", profile.copy_master_keys);
    out += fmt::format("wrap_with_trusted = {}\n", profile.wrap_with_trusted);
    if (!profile.module_arguments.empty()) {
        out += fmt::format("module_arguments = {}\n", toml_string(profile.module_arguments));
    }
    return out;
}

}  // namespace coffer::hsm_config
