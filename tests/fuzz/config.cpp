// The daemon's configuration file.

#include "daemon/server/config.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "expect.hpp"

using coffer::fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        const auto config = coffer::server::parse_config(text, "/etc/coffer/cofferd.toml");
        expect(!config.listeners.empty(), "a configuration that is accepted has a listener");
        expect(config.node.account.size() == 12, "a configuration that is accepted has an account");
    } catch (const coffer::server::ConfigError& e) {
        const std::string_view what = e.what();
        expect(what.find("/etc/coffer/cofferd.toml") != std::string_view::npos, "a problem names the file");
    }
    return 0;
}
