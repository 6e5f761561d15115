#include "client/coffer/completion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "client/coffer/command.hpp"
#include "client/coffer/console.hpp"

namespace coffer::cli {

namespace {

std::vector<const CLI::App*> verbs_of(const CLI::App& app) {
    return app.get_subcommands(nullptr);
}

/// "--output --timeout ...", with the "--no-" forms of flags.
std::string option_words(const CLI::App& app) {
    std::string names;
    for (const auto* option : app.get_options()) {
        for (const auto& name : option->get_lnames()) names += (names.empty() ? "--" : " --") + name;
    }
    return names;
}

/// Whether the verb's own argument is a secret's name.
bool takes_name(const CLI::App& verb) {
    const auto options = verb.get_options();
    return std::any_of(options.begin(), options.end(), [](const CLI::Option* option) {
        return option->get_positional() &&
               (option->get_name(true) == "name" || option->get_name(true) == "prefix");
    });
}

/// In single quotes for a shell.
std::string shell_quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

constexpr std::string_view kBashHead =
    R"sh(# bash completion for coffer. Load it with: source <(coffer completion bash)
_coffer() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb='' options='' names='' i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --output|--timeout|--config|--endpoint|--server-name|--ca-file|--cert-file|--key-file) ((i++)) ;;
            -*) ;;
            *) verb=${COMP_WORDS[i]}; break ;;
        esac
    done
    COMPREPLY=()
    case $verb in
)sh";

constexpr std::string_view kBashTail = R"sh(    esac
    case $prev in
        --output) mapfile -t COMPREPLY < <(compgen -W 'json text table' -- "$cur"); return ;;
        --secret-id|--secret|--secret-id-list) names=1 ;;
        --file|--config|--*-file) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options $globals" -- "$cur")
    elif [[ -n $names ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(coffer ls --names --timeout 2 -- "$cur" 2>/dev/null)" -- "$cur")
    fi
}
complete -o default -F _coffer coffer
)sh";

constexpr std::string_view kFishHead =
    R"sh(# fish completion for coffer. Load it with: coffer completion fish | source
function __coffer_names
    coffer ls --names --timeout 2 -- (commandline -ct) 2>/dev/null
end
)sh";

struct Options {
    std::string shell;
};

}  // namespace

std::string bash_completion(const CLI::App& app) {
    std::string all;
    std::string cases;
    for (const auto* verb : verbs_of(app)) {
        all += (all.empty() ? "" : " ") + verb->get_name();
        cases += fmt::format("        {}) options={}{} ;;\n", verb->get_name(),
                             shell_quoted(option_words(*verb)), takes_name(*verb) ? " names=1" : "");
    }
    std::string text(kBashHead);
    text += fmt::format(
        "        '') if [[ $cur != -* ]]; then mapfile -t COMPREPLY < <(compgen -W {} -- \"$cur\"); return; "
        "fi ;;\n",
        shell_quoted(all));
    text += cases + std::string(kBashTail);
    const std::string globals = "local globals=" + shell_quoted(option_words(app)) + "\n    COMPREPLY=()";
    text.replace(text.find("COMPREPLY=()"), std::string_view("COMPREPLY=()").size(), globals);
    return text;
}

std::string zsh_completion(const CLI::App& app) {
    // zsh runs bash's completion functions.
    return "#compdef coffer\n# zsh completion for coffer. Load it with: source <(coffer completion zsh)\n"
           "autoload -U +X bashcompinit && bashcompinit\n" +
           bash_completion(app);
}

std::string fish_completion(const CLI::App& app) {
    std::string text(kFishHead);
    for (const auto* option : app.get_options()) {
        for (const auto& name : option->get_lnames()) {
            text += fmt::format("complete -c coffer -l {} -d {}\n", name,
                                shell_quoted(option->get_description()));
        }
    }
    for (const auto* verb : verbs_of(app)) {
        const auto name = verb->get_name();
        text += fmt::format("complete -c coffer -n __fish_use_subcommand -f -a {} -d {}\n", name,
                            shell_quoted(verb->get_description()));
        if (takes_name(*verb)) {
            text += fmt::format(
                "complete -c coffer -n '__fish_seen_subcommand_from {}' -f -a '(__coffer_names)'\n", name);
        }
        for (const auto* option : verb->get_options()) {
            for (const auto& long_name : option->get_lnames()) {
                const bool of_secret =
                    long_name == "secret-id" || long_name == "secret" || long_name == "secret-id-list";
                text += fmt::format("complete -c coffer -n '__fish_seen_subcommand_from {}' -l {}{} -d {}\n",
                                    name, long_name, of_secret ? " -x -a '(__coffer_names)'" : "",
                                    shell_quoted(option->get_description()));
            }
        }
    }
    return text;
}

void add_completion(CLI::App& app, Commands& commands) {
    auto options = std::make_shared<Options>();
    auto* verb = add_verb(app, "completion", "Print the completion of a shell",
                          {"source <(coffer completion bash)",
                           "coffer completion fish >~/.config/fish/completions/coffer.fish"});
    verb->add_option("shell", options->shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    commands.push_back({verb, [&app, options](Context&) {
                            if (options->shell == "bash") return print(bash_completion(app));
                            if (options->shell == "zsh") return print(zsh_completion(app));
                            print(fish_completion(app));
                        }});
}

}  // namespace coffer::cli
