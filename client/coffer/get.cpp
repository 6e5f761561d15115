// coffer get NAME: the value itself, for people and for pipes.

#include <fmt/format.h>

#include <memory>

#include "client/coffer/command.hpp"
#include "client/coffer/completion_tree.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/json_fields.hpp"
#include "client/coffer/visible.hpp"
#include "client/wipe.hpp"
#include "proto/utf8.hpp"

namespace coffer::cli {

namespace {

struct GetOptions {
    std::string name;
    std::string field;
    std::string version_stage;
    std::string version_id;
    bool force = false;
};

/// Text that a terminal shows without doing anything.
bool is_printable(std::string_view value) {
    return view(visible(value, "\n\t\r")) == value;
}

/// Why a value is not printable, without a word of it.
std::string_view what_it_is(std::string_view value) {
    return proto::utf8_length(value) ? "is text with control characters" : "is binary";
}

/// Into a pipe or a file: the bytes and nothing else. On a terminal a line end follows, so that the prompt
/// does not stick to the value.
void print_value(std::string_view value, bool force) {
    const bool terminal = stdout_is_terminal();
    if (terminal && !force && !is_printable(value)) {
        throw Failure(fmt::format(
            "the value {} ({} bytes), and a terminal would obey or garble it. Redirect it (coffer get "
            "... >FILE), or add --force",
            what_it_is(value), value.size()));
    }
    print_bytes(value);
    if (terminal && !value.ends_with('\n')) print("\n");
}

void run(Context& context, const GetOptions& options) {
    v1::Request request;
    auto& get = *request.mutable_get_secret_value();
    get.set_secret_id(options.name);
    if (!options.version_stage.empty()) get.set_version_stage(options.version_stage);
    if (!options.version_id.empty()) get.set_version_id(options.version_id);
    v1::Response response = context.call(std::move(request));
    const client::Wiped result(std::move(*response.mutable_get_secret_value()));
    const std::string& value =
        result->has_secret_binary() ? result->secret_binary() : result->secret_string();
    if (options.field.empty()) return print_value(value, options.force);

    const auto fields = parse_json_fields(value, options.name);
    const auto* field = find_field(fields, options.field);
    if (field == nullptr) {
        throw Failure(
            fmt::format("{} has no field '{}'; it has: {}", options.name, options.field, names_of(fields)));
    }
    print_value(view(*field), options.force);
}

}  // namespace

void add_get(CLI::App& app, Commands& commands) {
    auto options = std::make_shared<GetOptions>();
    auto* verb = add_verb(app, "get", "Print the value of a secret",
                          {"coffer get app/db", "coffer get app/db --field password",
                           "coffer get app/db --version-stage AWSPREVIOUS", "coffer get app/key >key.der"});
    verb->add_option("name", options->name, "name or ARN")->required()->type_name(kTypeSecret);
    verb->add_option("--field", options->field, "one field of a value that is a JSON object");
    auto* stage = verb->add_option("--version-stage", options->version_stage,
                                   "the version with this label (AWSCURRENT)")
                      ->type_name(kTypeLabel);
    verb->add_option("--version-id", options->version_id, "the version with this id")->excludes(stage);
    verb->add_flag("--force", options->force,
                   "print a value to a terminal that is binary or has control characters");
    commands.push_back({verb, [options](Context& context) { run(context, *options); }});
}

}  // namespace coffer::cli
