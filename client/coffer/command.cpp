#include "client/coffer/command.hpp"

namespace coffer::cli {

CLI::App* add_verb(CLI::App& app, const std::string& name, const std::string& description,
                   const std::vector<std::string>& examples) {
    CLI::App* verb = app.add_subcommand(name, description);
    verb->fallthrough();  // the global options may follow the verb
    verb->group("Verbs");
    std::string footer = examples.empty() ? "" : "Examples:\n";
    for (const auto& example : examples) footer += "  " + example + "\n";
    footer += "\nOptions of every verb are in: coffer --help. The manual is docs/coffer.md.";
    verb->footer(footer);
    return verb;
}

void name_parts(CLI::FormatterBase& formatter) {
    formatter.label("SUBCOMMAND", "VERB");
    formatter.label("Positionals", "Arguments");
}

std::string path_of(const CLI::App& verb) {
    const auto* group = verb.get_parent();
    const bool in_group = group != nullptr && group->get_parent() != nullptr;
    return in_group ? group->get_name() + " " + verb.get_name() : verb.get_name();
}

CLI::Option* add_list(CLI::App& verb, const std::string& name, std::vector<std::string>& values,
                      const std::string& description) {
    constexpr int kValuesMax = 1000;
    return verb.add_option(name, values, description)->expected(1, kValuesMax)->allow_extra_args(false);
}

}  // namespace coffer::cli
