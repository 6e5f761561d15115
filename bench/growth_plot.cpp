#include "growth_plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string_view>
#include <utility>

namespace coffer::bench {

namespace {

constexpr double kWidth = 860;
constexpr double kHeight = 480;
constexpr double kLeft = 70;
constexpr double kRight = 220;  // room for the legend
constexpr double kTop = 40;
constexpr double kBottom = 60;

// Colours that differ for the colour-blind as well (Okabe and Ito).
constexpr std::array<std::string_view, 7> kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                      "#e69f00", "#56b4e9", "#000000"};

struct Point {
    double secrets = 0;
    double us = 0;
};
using Series = std::map<std::string, std::vector<Point>>;

std::string number(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f", value);
    return text.data();
}

/// "1,000": what stands at a tick.
std::string with_commas(std::int64_t value) {
    std::string out = std::to_string(value);
    for (auto at = static_cast<std::ptrdiff_t>(out.size()) - 3; at > 0; at -= 3) {
        out.insert(static_cast<std::size_t>(at), ",");
    }
    return out;
}

/// Whole decades around the values.
struct LogAxis {
    int low = 0;
    int high = 1;
    double from = 0;
    double to = 1;

    void fit(double least, double most) {
        low = static_cast<int>(std::floor(std::log10(least)));
        high = std::max(low + 1, static_cast<int>(std::ceil(std::log10(most))));
    }
    [[nodiscard]] double at(double value) const {
        return from + (std::log10(value) - low) / (high - low) * (to - from);
    }
};

class Plot {
public:
    explicit Plot(const Series& series) : series_(series) {
        x_.from = kLeft;
        x_.to = kWidth - kRight;
        y_.from = kHeight - kBottom;
        y_.to = kTop;
        fit();
    }

    [[nodiscard]] std::string svg() {
        out_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + number(kWidth) + "\" height=\"" +
               number(kHeight) + "\" font-family=\"sans-serif\" font-size=\"12\">\n" +
               "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
        text(kLeft, 22, "start", "Microseconds for one operation, 64 in flight, over secrets stored");
        axes();
        std::size_t index = 0;
        for (const auto& [name, points] : series_) line(name, points, index++);
        return out_ + "</svg>\n";
    }

private:
    void fit() {
        bool first = true;
        std::array<double, 4> range{1, 10, 1, 10};
        for (const auto& [name, points] : series_) {
            for (const auto& p : points) {
                if (first) range = {p.secrets, p.secrets, p.us, p.us};
                first = false;
                range = {std::min(range[0], p.secrets), std::max(range[1], p.secrets),
                         std::min(range[2], p.us), std::max(range[3], p.us)};
            }
        }
        x_.fit(range[0], range[1]);
        y_.fit(range[2], range[3]);
    }

    void text(double x, double y, std::string_view anchor, std::string_view content) {
        out_ += "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + std::string(anchor) +
                "\">" + std::string(content) + "</text>\n";
    }

    void rule(double x1, double y1, double x2, double y2, std::string_view colour) {
        out_ += "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) + "\" y2=\"" +
                number(y2) + "\" stroke=\"" + std::string(colour) + "\"/>\n";
    }

    void axes() {
        for (int decade = x_.low; decade <= x_.high; ++decade) {
            const double value = std::pow(10.0, decade);
            rule(x_.at(value), y_.from, x_.at(value), y_.to, "#dddddd");
            text(x_.at(value), y_.from + 18, "middle", with_commas(std::llround(value)));
        }
        for (int decade = y_.low; decade <= y_.high; ++decade) {
            const double value = std::pow(10.0, decade);
            rule(x_.from, y_.at(value), x_.to, y_.at(value), "#dddddd");
            text(x_.from - 8, y_.at(value) + 4, "end",
                 decade < 0 ? number(value) : with_commas(std::llround(value)));
        }
        rule(x_.from, y_.from, x_.to, y_.from, "black");
        rule(x_.from, y_.from, x_.from, y_.to, "black");
        text((x_.from + x_.to) / 2, kHeight - 18, "middle", "secrets stored");
    }

    void line(const std::string& name, const std::vector<Point>& points, std::size_t index) {
        const auto colour = kColours.at(index % kColours.size());
        // A second round of the colours is dashed.
        const std::string_view dash = index < kColours.size() ? "" : " stroke-dasharray=\"6 3\"";
        out_ += "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"" + std::string(colour) + "\"" +
                std::string(dash) + " points=\"";
        for (const auto& p : points) out_ += number(x_.at(p.secrets)) + "," + number(y_.at(p.us)) + " ";
        out_ += "\"/>\n";
        for (const auto& p : points) {
            out_ += "<circle r=\"3\" fill=\"" + std::string(colour) + "\" cx=\"" + number(x_.at(p.secrets)) +
                    "\" cy=\"" + number(y_.at(p.us)) + "\"/>\n";
        }
        const double y = kTop + 18 * static_cast<double>(index);
        out_ += "<line x1=\"" + number(kWidth - kRight + 20) + "\" y1=\"" + number(y) + "\" x2=\"" +
                number(kWidth - kRight + 44) + "\" y2=\"" + number(y) + "\" stroke-width=\"2\" stroke=\"" +
                std::string(colour) + "\"" + std::string(dash) + "/>\n";
        text(kWidth - kRight + 50, y + 4, "start", name);
    }

    const Series& series_;
    LogAxis x_;
    LogAxis y_;
    std::string out_;
};

}  // namespace

std::string growth_plot(const std::vector<Row>& rows) {
    Series series;
    for (const auto& row : rows) {
        if (row.secrets <= 0 || row.per_second <= 0) continue;
        series[row.name + ", " + row.token].push_back(
            {static_cast<double>(row.secrets), 1e6 / row.per_second});
    }
    for (auto& [name, points] : series) {
        std::sort(points.begin(), points.end(),
                  [](const Point& a, const Point& b) { return a.secrets < b.secrets; });
    }
    return Plot(series).svg();
}

}  // namespace coffer::bench
