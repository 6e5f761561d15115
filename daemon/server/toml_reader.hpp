#pragma once
// Typed reading of a TOML table: every key is asked for by name, type and range; what was not asked for is
// unknown. Problems are gathered, so that one run shows them all.

#include <toml++/toml.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/time.hpp"

namespace coffer::server {

/// One thing that is wrong with a configuration.
struct ConfigProblem {
    std::uint32_t line = 0;  ///< 0: the file as a whole
    std::string text;
};

/// Where the problems of one file are gathered.
class ConfigProblems {
public:
    explicit ConfigProblems(std::filesystem::path file) : file_(std::move(file)) {}

    void add(std::uint32_t line, std::string text) { problems_.push_back({line, std::move(text)}); }
    [[nodiscard]] bool empty() const noexcept { return problems_.empty(); }
    [[nodiscard]] const std::filesystem::path& file() const noexcept { return file_; }
    /// "FILE:LINE: TEXT" for each problem, by line, joined by line ends.
    [[nodiscard]] std::string text() const;

private:
    std::filesystem::path file_;
    std::vector<ConfigProblem> problems_;
};

/// Reads one table. Each `read_*` leaves `out` as it is when the key is absent or wrong, reports what is
/// wrong, and says whether `out` was set.
class TableReader {
public:
    enum class Need : bool { optional, required };
    /// Whether a text may be empty.
    enum class Empty : bool { refused, allowed };

    /// `name` is how messages call the table, e.g. "[limits]".
    TableReader(const toml::table& table, std::string name, ConfigProblems& problems)
        : table_(table), name_(std::move(name)), problems_(problems) {}

    bool read_text(std::string_view key, std::string& out, Need need = Need::optional,
                   Empty empty = Empty::refused);
    bool read_texts(std::string_view key, std::vector<std::string>& out);
    /// A table of texts, by their keys.
    bool read_text_map(std::string_view key, std::map<std::string, std::string>& out);
    /// A text, or a list of texts.
    bool read_text_or_texts(std::string_view key, std::vector<std::string>& out, Need need);
    bool read_flag(std::string_view key, bool& out);
    bool read_integer(std::string_view key, std::int64_t& out, std::int64_t least, std::int64_t most,
                      Need need = Need::optional);
    template <std::integral T>
    requires(!std::same_as<T, std::int64_t>) bool read_integer(std::string_view key, T& out,
                                                               std::int64_t least, std::int64_t most,
                                                               Need need = Need::optional) {
        std::int64_t value = 0;
        if (!read_integer(key, value, least, most, need)) return false;
        out = static_cast<T>(value);
        return true;
    }
    /// A decimal number of at most `most` with up to six decimals, such as 0.05 or "0.05", in millionths.
    /// Exact.
    bool read_millionths(std::string_view key, std::int64_t& out, std::int64_t most);
    bool read_duration(std::string_view key, std::chrono::milliseconds& out, std::chrono::milliseconds least,
                       std::chrono::milliseconds most);
    /// A date (midnight UTC), or a date and time with its offset from UTC, as TOML has them.
    bool read_time(std::string_view key, Timestamp& out, Need need = Need::optional);
    bool read_size(std::string_view key, std::size_t& out, std::uint64_t least, std::uint64_t most);
    /// A path; relative ones belong to the configuration file's folder.
    bool read_path(std::string_view key, std::filesystem::path& out, Need need = Need::optional);

    /// Whether the key is there, right or wrong.
    [[nodiscard]] bool has(std::string_view key) const { return table_.contains(key); }

    /// The table under `key`; null when absent (reported when required) or not a table.
    const toml::table* find_table(std::string_view key, Need need);
    /// The tables of `[[key]]`, empty when absent.
    std::vector<const toml::table*> find_tables(std::string_view key);

    /// Reads a table that stands in this one.
    [[nodiscard]] TableReader inner(const toml::table& table, std::string name) const {
        return {table, std::move(name), problems_};
    }

    /// Reports something about `key`, at its line.
    void complain(std::string_view key, const std::string& text);
    /// Reports every key that was never asked for. Call last.
    void finish();

private:
    const toml::node* find(std::string_view key, Need need);
    void wrong_type(std::string_view key, const toml::node& node, std::string_view wanted);
    [[nodiscard]] std::string suggestion(std::string_view unknown) const;

    const toml::table& table_;
    std::string name_;
    ConfigProblems& problems_;
    std::vector<std::string> asked_;
};

/// What a path of a systemd credential begins with (systemd.exec(5), "LoadCredential=").
inline constexpr std::string_view kCredentialsPrefix = "$CREDENTIALS_DIRECTORY/";

/// `path`, with relative ones put under `folder` and a leading "$CREDENTIALS_DIRECTORY/" replaced by
/// systemd's folder of credentials. Outside of systemd, which alone sets the variable, such a path stays as
/// it is.
[[nodiscard]] std::filesystem::path resolve_path(const std::string& path,
                                                 const std::filesystem::path& folder);

}  // namespace coffer::server
