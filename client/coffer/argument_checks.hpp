#pragma once
// What no argument of a verb for hands may be: empty where that would mean something else than what was
// typed, and text that cannot be sent.

#include <CLI/CLI.hpp>

namespace coffer::cli {

/// Adds the checks to all options and arguments that `verb` has so far. An empty one is refused (an unset
/// variable of the shell is not the wish for the default), except where empty text has a meaning of its own;
/// one that is not UTF-8 as well, except files and what stays on this machine. Verbs made from the schema
/// read their own texts, and an empty one is the daemon's to judge; of them only the options that are not the
/// schema's are checked.
void check_arguments(CLI::App& verb);

}  // namespace coffer::cli
