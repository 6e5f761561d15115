#include "crypto/profile.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string_view>

#include "daemon/base/errors.hpp"

namespace coffer::crypto {

namespace {

constexpr std::int64_t kThreadsMax = 256;
constexpr std::int64_t kCallBytesMin = 16;
constexpr std::int64_t kCallBytesMax = 65536;
constexpr std::int64_t kMechanismMax = 0xffffffff;
constexpr std::int64_t kDataKeyHandlesMax = 1'000'000;

/// Reads the values of one file; every complaint names file, line and key.
class Reader {
public:
    Reader(const std::filesystem::path& file, std::string_view key, const toml::node& node)
        : file_(file), key_(key), node_(node) {}

    [[nodiscard]] std::string text() const {
        const auto value = node_.value_exact<std::string>();
        if (!value) throw error("must be a string");
        return *value;
    }
    [[nodiscard]] bool boolean() const {
        const auto value = node_.value_exact<bool>();
        if (!value) throw error("must be true or false");
        return *value;
    }
    [[nodiscard]] std::size_t number(std::int64_t min, std::int64_t max) const {
        const auto value = node_.value_exact<std::int64_t>();
        if (!value || *value < min || *value > max) {
            throw error(fmt::format("must be a whole number from {} to {}", min, max));
        }
        return static_cast<std::size_t>(*value);
    }
    [[nodiscard]] IvMode iv_mode() const {
        const auto value = text();
        if (value == "caller") return IvMode::caller;
        if (value == "written-back") return IvMode::written_back;
        if (value == "appended") return IvMode::appended;
        throw error(R"(must be "caller", "written-back" or "appended")");
    }
    [[nodiscard]] unsigned long key_wrap_mechanism() const {
        const auto value = node_.value_exact<std::int64_t>();
        if (!value || *value < 1 || *value > kMechanismMax) {
            throw error(fmt::format("must be a mechanism's number from 0x1 to {:#x}", kMechanismMax));
        }
        const auto mechanism = static_cast<unsigned long>(*value);
        if (is_padded_key_wrap(mechanism)) {
            throw error(
                fmt::format("must be AES Key Wrap without padding (RFC 3394); {:#x} pads", mechanism));
        }
        return mechanism;
    }
    [[nodiscard]] Error error(std::string_view what) const {
        return Error(fmt::format("{}:{}: \"{}\" {}", file_.string(), node_.source().begin.line, key_, what));
    }

private:
    const std::filesystem::path& file_;
    std::string_view key_;
    const toml::node& node_;
};

using Setter = std::function<void(Profile&, const Reader&)>;

std::map<std::string_view, Setter> make_setters() {
    return {
        {"name", [](Profile& p, const Reader& r) { p.name = r.text(); }},
        {"threads", [](Profile& p, const Reader& r) { p.threads = r.number(1, kThreadsMax); }},
        {"max_call_bytes",
         [](Profile& p, const Reader& r) { p.max_call_bytes = r.number(kCallBytesMin, kCallBytesMax); }},
        {"iv_mode", [](Profile& p, const Reader& r) { p.iv_mode = r.iv_mode(); }},
        {"key_wrap_mechanism",
         [](Profile& p, const Reader& r) { p.key_wrap.mechanism = r.key_wrap_mechanism(); }},
        {"unwrap_with_value_len",
         [](Profile& p, const Reader& r) { p.key_wrap.unwrap_with_value_len = r.boolean(); }},
        {"data_key_handles",
         [](Profile& p, const Reader& r) { p.data_key_handles = r.number(0, kDataKeyHandlesMax); }},
        {"copy_master_keys", [](Profile& p, const Reader& r) { p.copy_master_keys = r.boolean(); }},
        {"wrap_with_trusted", [](Profile& p, const Reader& r) { p.wrap_with_trusted = r.boolean(); }},
        {"module_arguments", [](Profile& p, const Reader& r) { p.module_arguments = r.text(); }},
    };
}

toml::table parse(const std::filesystem::path& file) {
    try {
        return toml::parse_file(file.string());
    } catch (const toml::parse_error& e) {
        throw Error(fmt::format("{}:{}: {}", file.string(), e.source().begin.line, e.description()));
    }
}

}  // namespace

Profile load_profile(const std::filesystem::path& file) {
    const toml::table table = parse(file);
    const auto setters = make_setters();
    Profile profile;
    for (const auto& [key, node] : table) {
        const Reader reader(file, key.str(), node);
        const auto setter = setters.find(key.str());
        if (setter == setters.end()) throw reader.error("is not a key of a token profile");
        setter->second(profile, reader);
    }
    if (profile.name.empty()) throw Error(fmt::format("{}: \"name\" is missing", file.string()));
    return profile;
}

}  // namespace coffer::crypto
