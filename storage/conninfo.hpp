#pragma once
// libpq's connection strings, without a connection: what they say, and whether they can ever work.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/errors.hpp"

namespace coffer::storage {

/// libpq cannot read it. `what()` says why.
class MalformedConninfo : public Error {
public:
    using Error::Error;
};

using ConninfoValue = std::pair<std::string, std::string>;  ///< keyword, value

/// The keywords and values of a libpq string or URI. Throws MalformedConninfo.
[[nodiscard]] std::vector<ConninfoValue> parse_conninfo(const std::string& conninfo);

/// Why no connection can come about with it, whatever the server does: a keyword or value that libpq does not
/// know, lists of different lengths. Nothing is connected to and no name is looked up; environment and
/// service files count, as when connecting. Nothing when it may work.
[[nodiscard]] std::optional<std::string> conninfo_problem(const std::string& conninfo);

/// Files that it names, by keyword: certificates, keys, the password file. Throws MalformedConninfo.
[[nodiscard]] std::vector<ConninfoValue> files_of_conninfo(const std::string& conninfo);

/// The first line of libpq's message.
[[nodiscard]] std::string first_line(const char* message);

}  // namespace coffer::storage
