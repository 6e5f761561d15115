#include "storage/conninfo.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <string_view>

#include "daemon/base/free_with.hpp"

namespace coffer::storage {

namespace {

using Values = std::vector<ConninfoValue>;

/// A folder of sockets that there cannot be: connecting ends at once.
constexpr std::string_view kNowhere = "/dev/null";

const std::string* value_of(const Values& values, std::string_view keyword) {
    const auto found = std::ranges::find(values, keyword, &ConninfoValue::first);
    return found == values.end() || found->second.empty() ? nullptr : &found->second;
}

std::vector<std::string_view> elements_of(std::string_view list) {
    std::vector<std::string_view> elements;
    while (true) {
        const auto comma = list.find(',');
        elements.push_back(list.substr(0, comma));
        if (comma == std::string_view::npos) return elements;
        list.remove_prefix(comma + 1);
    }
}

std::optional<long> number_in(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return std::nullopt;
    text = text.substr(first, text.find_last_not_of(" \t") + 1 - first);
    long number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// What libpq looks at only once it connects.
std::optional<std::string> number_problem(const Values& values) {
    static constexpr std::array<std::string_view, 6> kNumbers{"connect_timeout",  "keepalives",
                                                              "keepalives_idle",  "keepalives_interval",
                                                              "keepalives_count", "tcp_user_timeout"};
    constexpr long kPortMost = 65'535;
    for (const auto keyword : kNumbers) {
        const auto* text = value_of(values, keyword);
        if (text != nullptr && !number_in(*text))
            return "\"" + *text + "\" is not a number, which " + std::string(keyword) + " must be";
    }
    const auto* ports = value_of(values, "port");
    if (ports == nullptr) return std::nullopt;
    for (const auto each : elements_of(*ports)) {
        const auto port = each.empty() ? std::optional<long>(1) : number_in(each);  // empty: the default
        if (!port || *port < 1 || *port > kPortMost)
            return "\"" + std::string(each) + "\" is not a port (1 to 65535)";
    }
    return std::nullopt;
}

std::string repeated(std::string_view text, std::size_t times) {
    std::string list(text);
    while (--times > 0) list += "," + std::string(text);
    return list;
}

std::optional<std::string> lists_problem(const Values& values) {
    const auto* hosts = value_of(values, "host");
    const auto* addresses = value_of(values, "hostaddr");
    if (hosts == nullptr || addresses == nullptr) return std::nullopt;
    const auto names = elements_of(*hosts).size();
    const auto numbers = elements_of(*addresses).size();
    if (names == numbers) return std::nullopt;
    return "there are " + std::to_string(names) + " in host and " + std::to_string(numbers) + " in hostaddr";
}

/// The same with hosts that there are not, and so that the number of ports is looked at only where both stand
/// in the string.
Values to_nowhere(Values values) {
    const auto* hosts = value_of(values, "host");
    const auto* addresses = value_of(values, "hostaddr");
    const auto* ports = value_of(values, "port");
    const auto* named = addresses != nullptr ? addresses : hosts;
    std::size_t count = 1;
    if (named != nullptr) {
        count = elements_of(*named).size();
    } else if (ports != nullptr) {
        count = elements_of(*ports).size();
    }
    const std::string port = ports != nullptr ? *ports : "5432";
    std::erase_if(values, [](const ConninfoValue& each) {
        return each.first == "host" || each.first == "hostaddr" || each.first == "port";
    });
    values.emplace_back("host", repeated(kNowhere, count));
    values.emplace_back("port", port);
    return values;
}

}  // namespace

std::string first_line(const char* message) {
    const std::string text = message == nullptr ? "" : message;
    return text.substr(0, text.find('\n'));
}

Values parse_conninfo(const std::string& conninfo) {
    char* raw_message = nullptr;
    const std::unique_ptr<PQconninfoOption, FreeWith<PQconninfoFree>> options(
        PQconninfoParse(conninfo.c_str(), &raw_message));
    const std::unique_ptr<char, FreeWith<PQfreemem>> message(raw_message);
    if (!options) throw MalformedConninfo("the connection string is malformed: " + first_line(message.get()));
    Values values;
    for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
        if (option->val != nullptr) values.emplace_back(option->keyword, option->val);
    }
    return values;
}

std::optional<std::string> conninfo_problem(const std::string& conninfo) try {
    const auto values = parse_conninfo(conninfo);
    if (auto problem = number_problem(values)) return problem;
    if (auto problem = lists_problem(values)) return problem;
    const auto nowhere = to_nowhere(values);
    std::vector<const char*> keywords;
    std::vector<const char*> texts;
    for (const auto& [keyword, value] : nowhere) {
        keywords.push_back(keyword.c_str());
        texts.push_back(value.c_str());
    }
    keywords.push_back(nullptr);
    texts.push_back(nullptr);
    if (PQpingParams(keywords.data(), texts.data(), 0) != PQPING_NO_ATTEMPT) return std::nullopt;
    const std::unique_ptr<PGconn, FreeWith<PQfinish>> refused(
        PQconnectStartParams(keywords.data(), texts.data(), 0));
    return first_line(PQerrorMessage(refused.get()));
} catch (const MalformedConninfo& error) {
    return error.what();
}

Values files_of_conninfo(const std::string& conninfo) {
    static constexpr std::array<std::string_view, 5> kFiles{"passfile", "sslcert", "sslkey", "sslrootcert",
                                                            "sslcrl"};
    auto values = parse_conninfo(conninfo);
    std::erase_if(values, [](const ConninfoValue& each) {
        // "engine:key" is a key of an OpenSSL engine.
        return std::ranges::find(kFiles, each.first) == kFiles.end() || each.second.empty() ||
               (each.first == "sslkey" && each.second.find(':') != std::string::npos);
    });
    return values;
}

}  // namespace coffer::storage
