#include "client/coffer/completion.hpp"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/coffer/command.hpp"
#include "client/coffer/completion_tree.hpp"
#include "client/coffer/console.hpp"

namespace coffer::cli {

namespace {

/// In single quotes for a shell.
std::string shell_quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

void append_word(std::string& words, std::string_view word) {
    if (!words.empty()) words += ' ';
    words += word;
}

template <class Takes>
std::string names_of_options(const Place& place, Takes takes) {
    std::string names;
    for (const auto& option : place.options) {
        if (!takes(option)) continue;
        for (const auto& name : option.names) append_word(names, name);
    }
    return names;
}

std::string joined(const std::vector<std::string>& words) {
    std::string all;
    for (const auto& word : words) append_word(all, word);
    return all;
}

// ---- bash and zsh ---------------------------------------------------------------------------------------

// The words before the cursor say the place in the tree, and whether a value of an option is due. Also for
// zsh, which has no mapfile, and in which `path`, `options` and `words` are variables of its own.
constexpr std::string_view kBash = R"sh(
_coffer_offer() {
    local one
    case $1 in (files | folders) compopt -o filenames 2>/dev/null ;; esac
    while IFS= read -r one; do
        [[ $one == "$cur"* ]] || continue
        one=$before$one
        COMPREPLY+=("${one#"$head"}")
    done < <(case $1 in
        (words\ *) compgen -W "${1#words }" -- "$cur" ;;
        (files) compgen -f -- "$cur" ;;
        (folders) compgen -d -- "$cur" ;;
        (commands) compgen -c -- "$cur" | sort -u ;;
        (secrets) coffer ls --names --timeout 2 -- "$cur" 2>/dev/null ;;
    esac)
}
# bash takes words apart at COMP_WORDBREAKS, in which = : and @ are, and replaces the last piece alone (an @ goes with what
# follows it). So: the words as they were typed, up to the cursor, and of the last one what comes before that piece.
_coffer_typed() {
    local line=${COMP_LINE:0:COMP_POINT} piece rest blank=$' \t' breaks='' i
    typed=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        piece=${COMP_WORDS[i]}
        rest=${line#"${line%%[!$blank]*}"}
        if ((i == COMP_CWORD)); then piece=$rest; fi
        if ((i > 0)) && [[ $rest == "$line" ]]; then
            typed[last]=${typed[last]}$piece
        else
            last=${#typed[@]}
            typed+=("$piece")
        fi
        line=${rest#"$piece"}
    done
    for i in = : @; do
        if [[ ${COMP_WORDBREAKS-} == *"$i"* ]]; then breaks+=$i; fi
    done
    cur=${typed[last]}
    if [[ -n $breaks && $cur == *[$breaks]* ]]; then
        piece=${cur##*[$breaks]}
        head=${cur%"$piece"}
        head=${head%@}
    fi
}
_coffer() {
    local cur head='' before='' place='' open='' many='' dashes='' argument=0 last=0 word i typed
    local verbs own valued several arguments values globals globals_valued
    COMPREPLY=()
    _coffer_typed
    _coffer_place ''
    for ((i = 1; i < last; i++)); do
        word=${typed[i]}
        if [[ -n $dashes ]]; then ((++argument))
        elif [[ $word == -- ]]; then dashes=1 open=''
        elif [[ -n $open && -z $many ]]; then open=''
        elif [[ $word == -?* ]]; then
            open='' many=''
            if [[ " $valued $globals_valued " == *" $word "* ]]; then open=$word; fi
            if [[ " $several " == *" $word "* ]]; then open=$word many=1; fi
        elif [[ -n $open ]]; then :
        elif [[ " $verbs " == *" $word "* ]]; then place=${place:+$place }$word; _coffer_place "$place"
        else ((++argument)); fi
    done
    word=${cur%%=*}
    if [[ -z $dashes && $cur == --*=* && " $valued $several $globals_valued " == *" $word "* ]]; then
        open=$word many='' before=$word= cur=${cur#*=}
    fi
    if [[ $cur == file://* || $cur == fileb://* ]]; then
        before+=${cur%%//*}// cur=${cur#*//}
        _coffer_offer files
    elif [[ $place == exec && -n $dashes ]]; then
        if ((argument == 0)); then _coffer_offer commands; else _coffer_offer files; fi
    elif [[ -n $open && ( -z $many || $cur != -* ) ]]; then
        _coffer_values "$place $open"
        _coffer_offer "$values"
    elif [[ $cur == -* && -z $dashes ]]; then
        _coffer_offer "words $own $globals"
    elif [[ -n $verbs ]]; then
        _coffer_offer "words $verbs"
    else
        _coffer_offer "${arguments[argument]-}"
    fi
}
complete -F _coffer coffer
)sh";

/// What _coffer_offer takes.
std::string bash_values(const Values& values) {
    switch (values.kind) {
        case Values::Kind::words:
            return "words " + joined(values.words);
        case Values::Kind::secrets:
            return "secrets";
        case Values::Kind::files:
            return "files";
        case Values::Kind::folders:
            return "folders";
        default:
            return {};
    }
}

/// The branch of a place in _coffer_place.
std::string bash_place(const Place& place) {
    std::string verbs;
    for (const auto& [verb, description] : place.verbs) append_word(verbs, verb);
    std::string arguments;
    for (const auto& argument : place.arguments) append_word(arguments, shell_quoted(bash_values(argument)));
    std::string text = "        " + shell_quoted(place.path) + ")";
    const auto set = [&](std::string_view name, const std::string& value) {
        if (!value.empty()) text += fmt::format(" {}={}", name, value);
    };
    const auto quoted = [](const std::string& words) { return words.empty() ? words : shell_quoted(words); };
    set("verbs", quoted(verbs));
    if (!place.path.empty()) {
        set("own", quoted(names_of_options(place, [](const auto&) { return true; })));
        set("valued", quoted(names_of_options(
                          place, [](const auto& one) { return one.takes_value && !one.takes_several; })));
        set("several", quoted(names_of_options(place, [](const auto& one) { return one.takes_several; })));
    }
    if (!arguments.empty()) set("arguments", "(" + arguments + ")");
    return text + " ;;\n";
}

/// The branches of _coffer_values: what is offered, and for which options at which places.
std::string bash_option_values(const std::vector<Place>& places) {
    std::map<std::string, std::string> patterns;
    for (const auto& place : places) {
        for (const auto& option : place.options) {
            const auto values = bash_values(option.values);
            if (values.empty()) continue;
            for (const auto& name : option.names) {
                auto& pattern = patterns[values];
                if (!pattern.empty()) pattern += '|';
                // The command's own options may stand anywhere.
                pattern += place.path.empty() ? "*" + shell_quoted(" " + name)
                                              : shell_quoted(place.path + " " + name);
            }
        }
    }
    std::string text;
    for (const auto& [values, pattern] : patterns) {
        text += fmt::format("        {}) values={} ;;\n", pattern, shell_quoted(values));
    }
    return text;
}

// ---- fish -----------------------------------------------------------------------------------------------

constexpr std::string_view kFish = R"sh(
function __coffer_names
    coffer ls --names --timeout 2 -- (commandline -ct) 2>/dev/null
end
# The words before the cursor that are neither options nor their values, as far as they are of the command.
function __coffer_words
    set -l previous
    for word in (commandline -opc)[2..-1]
        test "$word" = --; and break
        if not string match -q -- '-*' $word; and not contains -- "$previous" $__coffer_valued
            echo $word
        end
        set previous $word
    end
end
# Whether these are all of those words, or the first of them.
function __coffer_is
    test "$(__coffer_words)" = "$(string join \n -- $argv)"
end
function __coffer_under
    set -l words (__coffer_words)
    test (count $words) -ge (count $argv); and test "$words[1..$(count $argv)]" = "$argv"
end
complete -c coffer -f
complete -c coffer -n '__coffer_under exec; and contains -- -- (commandline -opc)' -F
)sh";

std::string fish_values(const CompletedOption& option) {
    if (!option.takes_value) return {};
    switch (option.values.kind) {
        case Values::Kind::words:
            return " -x -a " + shell_quoted(joined(option.values.words));
        case Values::Kind::secrets:
            return " -x -a '(__coffer_names)'";
        case Values::Kind::files:
            return " -r -F";
        case Values::Kind::folders:
            return " -x -a '(__fish_complete_directories)'";
        default:
            return " -x";
    }
}

std::string fish_place(const Place& place) {
    const auto line = [](const std::string& condition, const std::string& rest) {
        return "complete -c coffer" + (condition.empty() ? "" : " -n " + shell_quoted(condition)) + rest +
               "\n";
    };
    const std::string here = place.path.empty() ? "__coffer_is" : "__coffer_is " + place.path;
    const std::string under = place.path.empty() ? "" : "__coffer_under " + place.path;
    std::string text;
    for (const auto& [verb, description] : place.verbs) {
        text += line(here, " -a " + verb + " -d " + shell_quoted(description));
    }
    if (!place.arguments.empty()) {
        const CompletedOption first{{}, {}, true, false, place.arguments.front()};
        text += line(here, fish_values(first));
    }
    for (const auto& option : place.options) {
        std::string names;
        for (const auto& name : option.names) {
            names += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
        }
        text += line(under, names + fish_values(option) + " -d " + shell_quoted(option.description));
    }
    return text;
}

struct Options {
    std::string shell;
};

}  // namespace

std::string bash_completion(const CLI::App& app) {
    const auto places = places_of(app);
    const auto& command = places.front();
    std::string text =
        "# bash completion for coffer. Load it with: source <(coffer completion bash)\n"
        "_coffer_place() {\n"
        "    verbs='' own='' valued='' several='' arguments=()\n";
    text += fmt::format("    globals={}\n",
                        shell_quoted(names_of_options(command, [](const auto&) { return true; })));
    text +=
        fmt::format("    globals_valued={}\n",
                    shell_quoted(names_of_options(command, [](const auto& one) { return one.takes_value; })));
    text += "    case $1 in\n";
    for (const auto& place : places) text += bash_place(place);
    text += "    esac\n}\n_coffer_values() {\n    values=''\n    case $1 in\n";
    text += bash_option_values(places);
    text += "    esac\n}";
    return text + std::string(kBash);
}

std::string zsh_completion(const CLI::App& app) {
    // zsh runs bash's completion functions.
    return "#compdef coffer\n# zsh completion for coffer. Load it with: source <(coffer completion zsh)\n"
           "autoload -U +X bashcompinit && bashcompinit\n" +
           bash_completion(app);
}

std::string fish_completion(const CLI::App& app) {
    const auto places = places_of(app);
    std::string valued;
    for (const auto& place : places) {
        const auto names = names_of_options(place, [](const auto& one) { return one.takes_value; });
        if (!names.empty()) append_word(valued, names);
    }
    std::string text = "# fish completion for coffer. Load it with: coffer completion fish | source\n";
    text += "set -g __coffer_valued " + valued;
    text += kFish;
    for (const auto& place : places) text += fish_place(place);
    return text;
}

void add_completion(CLI::App& app, Commands& commands) {
    auto options = std::make_shared<Options>();
    auto* verb = add_verb(app, "completion", "Print the completion of a shell",
                          {"source <(coffer completion bash)",
                           "coffer completion fish >~/.config/fish/completions/coffer.fish"});
    verb->add_option("shell", options->shell, "which shell")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    commands.push_back({verb, [&app, options](Context&) {
                            if (options->shell == "bash") return print(bash_completion(app));
                            if (options->shell == "zsh") return print(zsh_completion(app));
                            print(fish_completion(app));
                        }});
}

}  // namespace coffer::cli
