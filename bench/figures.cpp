#include "figures.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <istream>
#include <ostream>
#include <utility>

namespace coffer::bench {

void Latencies::merge(const Latencies& other) {
    microseconds_.insert(microseconds_.end(), other.microseconds_.begin(), other.microseconds_.end());
}

double Latencies::percentile_us(double fraction) {
    if (microseconds_.empty()) return 0;
    const auto last = static_cast<double>(microseconds_.size() - 1);
    const auto at = microseconds_.begin() + std::lround(fraction * last);
    std::nth_element(microseconds_.begin(), at, microseconds_.end());
    return static_cast<double>(*at);
}

Row make_row(std::string name, int in_flight, Latencies latencies, Clock::duration took) {
    Row row;
    row.name = std::move(name);
    row.in_flight = in_flight;
    row.per_second = static_cast<double>(latencies.count()) / std::chrono::duration<double>(took).count();
    row.p50_us = latencies.percentile_us(0.50);
    row.p99_us = latencies.percentile_us(0.99);
    return row;
}

void print_row(std::ostream& out, const Row& row) {
    boost::json::object o;
    o["name"] = row.name;
    o["token"] = row.token;
    o["in_flight"] = row.in_flight;
    o["per_second"] = row.per_second;
    o["p50_us"] = row.p50_us;
    o["p99_us"] = row.p99_us;
    o["secrets"] = row.secrets;
    out << boost::json::serialize(o) << std::endl;
}

std::vector<Row> read_rows(std::istream& in) {
    std::vector<Row> rows;
    for (std::string line; std::getline(in, line);) {
        if (line.empty()) continue;
        const auto o = boost::json::parse(line).as_object();
        Row row;
        row.name = o.at("name").as_string().c_str();
        row.token = o.at("token").as_string().c_str();
        row.in_flight = static_cast<int>(o.at("in_flight").to_number<std::int64_t>());
        row.per_second = o.at("per_second").to_number<double>();
        row.p50_us = o.at("p50_us").to_number<double>();
        row.p99_us = o.at("p99_us").to_number<double>();
        row.secrets = o.at("secrets").to_number<std::int64_t>();
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace coffer::bench
