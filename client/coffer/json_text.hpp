#pragma once
// JSON that a person wrote, read strictly and with the place of everything in it. Boost.JSON alone takes the
// last of two members with one name without a word, and forgets where a value stood; in a policy the first
// turns a Deny into an Allow.

#include <boost/json/value.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

namespace coffer::cli {

/// Counted from 1; columns in bytes.
struct TextPlace {
    std::size_t line = 1;
    std::size_t column = 1;
};

/// One JSON text (RFC 8259) whose objects have each member once.
class JsonText {
public:
    /// `text` must outlive this. `what` is named in errors ("--tags", "the file x.json"). Throws UsageError
    /// with line and column where it is no JSON, or where a member comes twice in an object, however its name
    /// is escaped. Messages show names of members and no values: these may be secret.
    JsonText(std::string_view text, std::string_view what);
    JsonText(const JsonText&) = delete;
    JsonText& operator=(const JsonText&) = delete;
    ~JsonText() = default;

    [[nodiscard]] const boost::json::value& value() const noexcept { return value_; }
    /// The value; what follows must not be called any more.
    [[nodiscard]] boost::json::value take() && { return std::move(value_); }

    // `part` is value(), or stands somewhere in it.

    /// Where `part` begins.
    [[nodiscard]] TextPlace place(const boost::json::value& part) const;
    /// `part` as it is written, without the white space between tokens: what is sent of a policy document.
    [[nodiscard]] std::string dense(const boost::json::value& part) const;
    /// Where the character (code point) `column` of dense(part) stands, counted from 1; the last one's place
    /// when there are fewer.
    [[nodiscard]] TextPlace place_in(const boost::json::value& part, std::size_t column) const;
    /// The innermost value that has that character.
    [[nodiscard]] const boost::json::value& value_in(const boost::json::value& part,
                                                     std::size_t column) const;

private:
    struct Span {
        std::size_t begin = 0;
        std::size_t end = 0;
    };
    [[nodiscard]] std::size_t offset_in(const boost::json::value& part, std::size_t column) const;

    std::string_view text_;
    boost::json::value value_;
    std::unordered_map<const boost::json::value*, Span> spans_;

    friend class JsonSpans;
};

}  // namespace coffer::cli
