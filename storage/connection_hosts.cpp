#include "storage/connection_hosts.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>

namespace coffer::storage {

namespace {

std::optional<std::string> value_of(const std::vector<ConninfoValue>& parameters, std::string_view keyword) {
    // Of a keyword that comes twice libpq takes the last.
    const auto found = std::find_if(parameters.rbegin(), parameters.rend(),
                                    [&](const auto& parameter) { return parameter.first == keyword; });
    if (found == parameters.rend()) return std::nullopt;
    return found->second;
}

std::vector<ConninfoValue> with(std::vector<ConninfoValue> parameters, const std::string& keyword,
                                const std::string& value) {
    std::erase_if(parameters, [&](const auto& parameter) { return parameter.first == keyword; });
    parameters.emplace_back(keyword, value);
    return parameters;
}

std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> parts(1);
    for (const char c : list) {
        if (c == ',') {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    return parts;
}

/// One set of parameters for each host; a single one where nothing can be taken apart.
std::vector<std::vector<ConninfoValue>> by_host(const std::vector<ConninfoValue>& parameters) {
    const auto names = value_of(parameters, "host").value_or("");
    const auto addresses = value_of(parameters, "hostaddr").value_or("");
    const auto count = split(addresses.empty() ? names : addresses).size();
    if (count < 2) return {parameters};
    std::vector<std::vector<ConninfoValue>> hosts(count, parameters);
    for (const std::string keyword : {"host", "hostaddr", "port"}) {
        const auto value = value_of(parameters, keyword);
        if (!value || value->empty()) continue;
        const auto parts = split(*value);
        // One port is every host's.
        if (keyword == "port" && parts.size() == 1) continue;
        if (parts.size() != count) return {parameters};
        for (std::size_t i = 0; i < count; ++i) hosts[i] = with(std::move(hosts[i]), keyword, parts[i]);
    }
    return hosts;
}

struct GoodHosts {
    std::mutex mutex;
    std::map<std::size_t, std::size_t> hosts;  ///< by the string's hash: a string may have a password
};

GoodHosts& good_hosts() {
    static GoodHosts hosts;
    return hosts;
}

}  // namespace

std::vector<ConnectionTarget> connection_targets(const std::vector<ConninfoValue>& parameters,
                                                 std::size_t first) {
    const auto hosts = by_host(parameters);
    if (hosts.size() == 1) return {{0, parameters}};
    constexpr const char* kAttributes = "target_session_attrs";
    const bool prefers_standby = value_of(parameters, kAttributes) == "prefer-standby";
    std::vector<ConnectionTarget> targets;
    for (const std::string attributes : {"standby", "any"}) {
        if (!prefers_standby && attributes != "any") continue;
        for (std::size_t i = 0; i < hosts.size(); ++i) {
            const auto host = (first + i) % hosts.size();
            targets.push_back(
                {host, prefers_standby ? with(hosts[host], kAttributes, attributes) : hosts[host]});
        }
    }
    return targets;
}

std::size_t last_good_host(const std::string& conninfo) {
    auto& known = good_hosts();
    const std::lock_guard lock(known.mutex);
    const auto found = known.hosts.find(std::hash<std::string>{}(conninfo));
    return found == known.hosts.end() ? 0 : found->second;
}

void remember_good_host(const std::string& conninfo, std::size_t host) {
    auto& known = good_hosts();
    const std::lock_guard lock(known.mutex);
    known.hosts[std::hash<std::string>{}(conninfo)] = host;
}

}  // namespace coffer::storage
