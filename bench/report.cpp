#include "report.hpp"

#include <boost/json.hpp>
#include <cstdio>
#include <map>
#include <sstream>
#include <string_view>

namespace coffer::bench {

namespace {

/// What each of the appliance's figures is compared with, mostly the part of it that no design can do
/// without.
const std::map<std::string, std::string, std::less<>> kBareOf = {
    {"get_hot", "token_decrypt"},
    {"get_cold", "token_open"},
    {"get_cold_key", "token_open"},
    {"create", "db_insert"},
    {"put", "db_insert"},
    {"list", "db_select"},
    {"rewrap", "token_rewrap"},
    {"rotate", "target_change"},
    {"rotate_cheap", "target_change_cheap"},
    {"rotate_turns", "target_change"},
    {"get_hot_rewrap", "token_decrypt"},
    {"get_hot_unaudited", "token_decrypt"},
    {"put_unaudited", "db_insert"},
    {"get_hot_sinks_dead", "get_hot"},
    {"aws_get_hot", "get_hot"},  // the same read through the other door
};

}  // namespace

std::optional<Ratio> ratio_of(const Row& row, const std::vector<Row>& rows) {
    const auto bare = kBareOf.find(row.name);
    if (bare == kBareOf.end()) return std::nullopt;
    for (const auto& other : rows) {
        if (other.name != bare->second || other.token != row.token || other.in_flight != row.in_flight)
            continue;
        return Ratio{bare->second, row.per_second / other.per_second};
    }
    return std::nullopt;
}

std::string json_of(const std::vector<Row>& rows) {
    boost::json::array list;
    for (const auto& row : rows) {
        boost::json::object o;
        o["name"] = row.name;
        o["token"] = row.token;
        o["in_flight"] = row.in_flight;
        o["per_second"] = row.per_second;
        o["p50_us"] = row.p50_us;
        o["p99_us"] = row.p99_us;
        const auto ratio = ratio_of(row, rows);
        o["ratio_to"] = ratio ? boost::json::value(ratio->to) : boost::json::value(nullptr);
        o["ratio"] = ratio ? boost::json::value(ratio->value) : boost::json::value(nullptr);
        if (row.secrets > 0) o["secrets"] = row.secrets;
        list.push_back(std::move(o));
    }
    std::ostringstream out;
    out << "[\n";
    for (std::size_t i = 0; i < list.size(); ++i) {
        out << "  " << boost::json::serialize(list[i]) << (i + 1 < list.size() ? ",\n" : "\n");
    }
    out << "]\n";
    return out.str();
}

void print_table(const std::vector<Row>& rows) {
    std::printf("%-18s %-9s %9s %9s %11s %10s %10s  %s\n", "name", "token", "in flight", "secrets",
                "per second", "p50, us", "p99, us", "ratio");
    std::string previous;
    for (const auto& row : rows) {
        if (!previous.empty() && previous != row.name) std::printf("\n");
        previous = row.name;
        const std::string secrets = row.secrets > 0 ? std::to_string(row.secrets) : "";
        std::printf("%-18s %-9s %9d %9s %11.0f %10.1f %10.1f", row.name.c_str(), row.token.c_str(),
                    row.in_flight, secrets.c_str(), row.per_second, row.p50_us, row.p99_us);
        if (const auto ratio = ratio_of(row, rows)) {
            std::printf("  %.2f of %s", ratio->value, ratio->to.c_str());
        }
        std::printf("\n");
    }
}

}  // namespace coffer::bench
