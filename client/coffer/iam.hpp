#pragma once
// The parts of `coffer iam`.

#include <CLI/CLI.hpp>

#include "client/coffer/aws_verbs.hpp"
#include "client/coffer/command.hpp"

namespace coffer::cli {

/// The answers of all pages as one, without IsTruncated and Marker.
[[nodiscard]] v1::Response call_all(Context& context, v1::Request request);

/// Asks what `verb` says and shows the answer, lists put together from all pages unless one is asked for.
void run_verb(Context& context, const AwsVerb& verb);

/// Says on standard error what an answer warns of, and takes it out: what is printed is as AWS prints it.
void say_warnings(google::protobuf::Message& answer);

/// The verbs of `aws iam`.
void add_iam_verbs(CLI::App& iam, Commands& commands);
/// apply and export: access as files that can live in version control.
void add_iam_configuration(CLI::App& iam, Commands& commands);
/// simulate, who-can, what-can and lint.
void add_iam_questions(CLI::App& iam, Commands& commands);

}  // namespace coffer::cli
