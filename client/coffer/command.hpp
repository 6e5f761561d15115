#pragma once
// A verb of the command line: its place in the tree, and what it does once the line has been understood.

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "client/coffer/context.hpp"

namespace coffer::cli {

struct Command {
    CLI::App* app = nullptr;
    std::function<void(Context&)> run;
    bool shows = false;  ///< it shows an answer, in the form that --output says
};
using Commands = std::vector<Command>;

/// Adds a verb to the tree: its one-line description, and examples for --help, one a line.
CLI::App* add_verb(CLI::App& app, const std::string& name, const std::string& description,
                   const std::vector<std::string>& examples);

/// What --help calls the parts of a line.
void name_parts(CLI::FormatterBase& formatter);

/// "get", "audit search": how a verb is called.
[[nodiscard]] std::string path_of(const CLI::App& verb);

/// An option that takes several values, given at once or by repeating it. Values are taken as they are: CLI11
/// would take "[a,b]" apart, which may be JSON.
CLI::Option* add_list(CLI::App& verb, const std::string& name, std::vector<std::string>& values,
                      const std::string& description);

// The verbs of `aws secretsmanager`, made from the schema.
void add_aws_verbs(CLI::App& app, Commands& commands);

// `coffer iam`: the verbs of `aws iam`, made from the schema, and a few for hands.
void add_iam(CLI::App& app, Commands& commands);

// `coffer sts`: the verbs of `aws sts`, made from the schema.
void add_sts(CLI::App& app, Commands& commands);

// `coffer audit`: what was done, on all nodes.
void add_audit(CLI::App& app, Commands& commands);

// `coffer key`: the HSM's master keys.
void add_keys(CLI::App& app, Commands& commands);

// The verbs for hands.
void add_get(CLI::App& app, Commands& commands);
void add_put(CLI::App& app, Commands& commands);
void add_list_secrets(CLI::App& app, Commands& commands);
void add_history(CLI::App& app, Commands& commands);
void add_remove(CLI::App& app, Commands& commands);
void add_restore(CLI::App& app, Commands& commands);
void add_exec(CLI::App& app, Commands& commands);
void add_usage(CLI::App& app, Commands& commands);
void add_unused(CLI::App& app, Commands& commands);
/// coffer certificate: what was issued, and revoking it.
void add_certificate(CLI::App& app, Commands& commands);

/// coffer damaged: secrets that were altered in the database.
void add_damaged(CLI::App& app, Commands& commands);

/// coffer rotation: rotations seen and steered.
void add_rotation(CLI::App& app, Commands& commands);
void add_whoami(CLI::App& app, Commands& commands);
void add_ping(CLI::App& app, Commands& commands);
void add_aws_credentials(CLI::App& app, Commands& commands);
void add_completion(CLI::App& app, Commands& commands);

}  // namespace coffer::cli
