#pragma once
// Members of a JSON object, read strictly: by name, of the type wanted, and none left over.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "daemon/base/errors.hpp"

namespace coffer::iam {

/// A stored document that this version of the daemon cannot read. Names the member.
class BadDocument : public Error {
public:
    using Error::Error;
};

/// Reads one object. Each function throws BadDocument when the member is there and of another type; those
/// without "optional" in their name also when it is absent.
class JsonFields {
public:
    explicit JsonFields(const boost::json::value& value);

    [[nodiscard]] std::string text(std::string_view name);
    [[nodiscard]] std::int64_t number(std::string_view name);
    /// Null when it is absent.
    [[nodiscard]] const std::string* optional_text(std::string_view name);
    [[nodiscard]] const std::int64_t* optional_number(std::string_view name);
    /// False when it is absent.
    [[nodiscard]] bool flag(std::string_view name);
    /// Empty when it is absent.
    [[nodiscard]] const boost::json::array& list(std::string_view name);
    [[nodiscard]] const boost::json::object& object(std::string_view name);

    /// Throws BadDocument when the object has a member that was not asked for.
    void finish() const;

private:
    [[nodiscard]] const boost::json::value* find(std::string_view name);
    [[noreturn]] static void refuse(std::string_view name, std::string_view wanted);

    const boost::json::object& object_;
    std::set<std::string, std::less<>> asked_;
    std::string text_;
    std::int64_t number_ = 0;
};

}  // namespace coffer::iam
