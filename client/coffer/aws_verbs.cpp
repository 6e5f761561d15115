#include "client/coffer/aws_verbs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/value.hpp>
#include <memory>

#include "client/coffer/command.hpp"
#include "client/coffer/completion_tree.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/json_request.hpp"
#include "client/coffer/parameter.hpp"
#include "client/coffer/rotation_check.hpp"
#include "client/coffer/shorthand.hpp"
#include "client/coffer/verb_help.hpp"
#include "client/wipe.hpp"

namespace coffer::cli {

namespace {

using google::protobuf::Message;

std::string option_name(const FieldDescriptor& field) {
    return "--" + kebab_case(field.name());
}

std::string length_text(const v1::Limits& limit) {
    if (limit.has_min_length() && limit.has_max_length()) {
        return fmt::format(", {} to {} long", limit.min_length(), limit.max_length());
    }
    return limit.has_max_length() ? fmt::format(", at most {} long", limit.max_length()) : "";
}

/// What --help says about an option: what it takes, and the schema's limits.
std::string describe(const FieldDescriptor& field) {
    const auto& limit = limits(field);
    std::string text;
    if (field.message_type() != nullptr) {
        text = field.is_repeated() ? "structures" : "a structure";
        text += ", JSON or shorthand: ";
        for (int i = 0; i < field.message_type()->field_count(); ++i) {
            text += (i == 0 ? "" : ",") + field.message_type()->field(i)->json_name() + "=...";
        }
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_INT64) {
        text = "a number";
        if (limit.has_min() && limit.has_max()) text += fmt::format(", {} to {}", limit.min(), limit.max());
    } else if (limit.sensitive()) {
        text = is_text(field) ? "secret text: - (standard input), file://FILE"
                              : "secret bytes: - (standard input), fileb://FILE, or file://FILE in base64";
    } else if (limit.one_of_size() > 0) {
        text = "one of these";
    } else {
        text = field.is_repeated() ? "texts" : "text" + length_text(limit);
    }
    return text + (limit.required() ? " (required)" : "");
}

/// What a value is, for --help and completion; empty where nothing is known.
std::string type_name_of(const FieldDescriptor& field) {
    if (field.name() == "secret_id" || field.name() == "secret_id_list") return kTypeSecret;
    if (field.name() == "version_stage" || field.name() == "version_stages") return kTypeLabel;
    std::string words;
    for (const auto& value : limits(field).one_of()) words += (words.empty() ? "{" : ",") + value;
    return words.empty() ? words : words + "}";
}

bool looks_like_json(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    return first != std::string_view::npos && (text[first] == '[' || text[first] == '{');
}

}  // namespace

AwsVerb::AwsVerb(CLI::App& app, const FieldDescriptor& operation, const VerbHelp& help,
                 const std::string& group)
    : operation_(operation) {
    app_ = add_verb(app, std::string(help.verb), std::string(help.description), help.examples);
    app_->group(group);
    const Descriptor& type = *operation.message_type();
    bool secret = false;
    for (int i = 0; i < type.field_count(); ++i) {
        add_option(*type.field(i));
        secret = secret || limits(*type.field(i)).sensitive();
    }
    app_->add_option("--cli-input-json", cli_input_json_,
                     "the whole request as JSON, or file://FILE; options go over it");
    if (secret) {
        app_->add_flag("--allow-argv-value", allow_argv_value_,
                       "take the secret value from the command line, where every user can read it");
        app_->add_option("--cli-binary-format", binary_format_, "how file:// holds binary values")
            ->check(CLI::IsMember({"base64", "raw-in-base64-out"}));
    }
    if (operation.number() == v1::Request::kRotateSecret) app_->add_flag("--dry-run", dry_run_, kDryRunHelp);
    if (operation.number() == v1::Request::kListSecrets) {
        constexpr std::int64_t kItemsMax = 1'000'000'000;
        app_->add_option("--max-items", paging_.max_items, "show so many in all")
            ->check(CLI::Range(std::int64_t{1}, kItemsMax));
        app_->add_option("--page-size", paging_.page_size, "ask for so many at a time")
            ->check(CLI::Range(1, 100));
        app_->add_option("--starting-token", paging_.starting_token,
                         "the NextToken of a list cut by --max-items");
    }
}

void AwsVerb::add_option(const FieldDescriptor& field) {
    Input& input = inputs_[&field];
    const std::string name = option_name(field);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
        input.option = app_->add_flag(fmt::format("{},!--no-{}", name, kebab_case(field.name())), input.flag);
    } else if (field.is_repeated()) {
        input.option = add_list(*app_, name, input.values, describe(field));
    } else {
        input.option =
            app_->add_option(name, input.values, describe(field))->expected(1)->allow_extra_args(false);
    }
    const auto type = type_name_of(field);
    if (!type.empty()) input.option->type_name(type);
}

v1::Request AwsVerb::request() const {
    v1::Request request;
    Message& message = *request.GetReflection()->MutableMessage(&request, &operation_);
    if (!cli_input_json_.empty()) fill_from_json(message);
    const Descriptor& type = *message.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
        const FieldDescriptor& field = *type.field(i);
        const Input& input = inputs_.at(&field);
        if (input.option->count() > 0) {
            message.GetReflection()->ClearField(&message, &field);
            fill(message, field, input);
        }
        require(field, message);
    }
    return request;
}

void AwsVerb::fill_from_json(Message& message) const {
    const std::string name = "--cli-input-json";
    fill_message(message, parse_json(read_text(cli_input_json_, name), name), name, Scalars::as_json);
    if (allow_argv_value_ || parse_parameter(cli_input_json_, false).source != Source::literal) return;
    const Descriptor& type = *message.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
        if (!limits(*type.field(i)).sensitive() || !message.GetReflection()->HasField(message, type.field(i)))
            continue;
        throw UsageError(fmt::format(
            "{0} was given on the command line with a {1}, where every user of this machine can read it.\n"
            "Give it from a file ({0} file://FILE). If it is no secret, add --allow-argv-value.",
            name, type.field(i)->json_name()));
    }
}

void AwsVerb::fill(Message& message, const FieldDescriptor& field, const Input& input) const {
    const auto& reflection = *message.GetReflection();
    const std::string name = option_name(field);
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL)
        return reflection.SetBool(&message, &field, input.flag);
    if (limits(field).sensitive()) return fill_secret(message, field, input);
    if (field.is_repeated()) return fill_list(message, field, input);
    std::string text = read_text(input.values.back(), name);
    if (field.message_type() != nullptr) {
        const bool json = looks_like_json(text);
        const auto value = json ? parse_json(text, name) : parse_shorthand(text, name);
        return fill_field(message, field, value, name, json ? Scalars::as_json : Scalars::as_texts);
    }
    fill_field(message, field, boost::json::value(boost::json::string(text)), name, Scalars::as_texts);
}

void AwsVerb::fill_secret(Message& message, const FieldDescriptor& field, const Input& input) const {
    const SecretRules rules{option_name(field), is_text(field), allow_argv_value_,
                            binary_format_ != "base64"};
    const auto bytes = read_secret(input.values.back(), rules);
    message.GetReflection()->SetString(&message, &field, std::string(bytes.text()));
}

void AwsVerb::fill_list(Message& message, const FieldDescriptor& field, const Input& input) const {
    const std::string name = option_name(field);
    const bool structures = field.message_type() != nullptr;
    for (const auto& argument : input.values) {
        const std::string text = read_text(argument, name);
        if (looks_like_json(text) && (structures || text[text.find_first_not_of(" \t\r\n")] == '[')) {
            const auto value = parse_json(text, name);
            // A list of one structure may be given as the structure.
            const auto list = value.is_array() ? value : boost::json::value(boost::json::array{value});
            fill_field(message, field, list, name, Scalars::as_json);
        } else if (structures) {
            fill_field(message, field, parse_shorthand(text, name), name, Scalars::as_texts);
        } else {
            message.GetReflection()->AddString(&message, &field, text);
        }
    }
}

void AwsVerb::require(const FieldDescriptor& field, const Message& message) const {
    if (!limits(field).required()) return;
    const auto& reflection = *message.GetReflection();
    const bool given = field.is_repeated() ? reflection.FieldSize(message, &field) > 0
                                           : reflection.HasField(message, &field);
    if (given) return;
    const bool empty_list = field.is_repeated() && inputs_.at(&field).option->count() > 0;
    throw UsageError(fmt::format("{} {} (coffer {} --help)", option_name(field),
                                 empty_list ? "is empty; at least one is wanted" : "is required",
                                 path_of(*app_)));
}

bool AwsVerb::wants_one_page() const {
    const auto given = [&](const char* name) {
        const auto& type = *operation_.message_type();
        const auto* field = type.FindFieldByName(name);
        return field != nullptr && inputs_.at(field).option->count() > 0;
    };
    return given("max_results") || given("next_token");
}

namespace {

/// The AWS CLI's text form has the token of a list that it put together on a line of its own, the last.
void show_list(const Context& context, std::string_view title, v1::ListSecretsResponse list) {
    const std::string token = list.next_token();
    const bool text = context.options().output == "text";
    if (text) list.clear_next_token();
    context.show(title, list);
    if (text && !token.empty()) print("NEXTTOKEN\t" + token + "\n");
}

void run(Context& context, const AwsVerb& verb) {
    v1::Request request = verb.request();
    if (verb.is_dry_run()) {
        auto& rotation = *request.mutable_rotate_secret();
        v1::CheckRotationRequest asked;
        asked.set_secret_id(rotation.secret_id());
        if (rotation.has_rotation_lambda_arn()) asked.set_rotation_lambda_arn(rotation.rotation_lambda_arn());
        if (rotation.has_rotation_rules())
            asked.mutable_rotation_rules()->Swap(rotation.mutable_rotation_rules());
        return check_rotation(context, std::move(asked));
    }
    const auto title = aws_name(verb.operation());
    if (request.has_list_secrets() && !verb.wants_one_page() && !context.options().no_paginate) {
        const auto list_page = [&context](v1::ListSecretsRequest page) {
            v1::Request one;
            one.mutable_list_secrets()->Swap(&page);
            return std::move(*context.call(std::move(one)).mutable_list_secrets());
        };
        return show_list(context, title, list_all(list_page, request.list_secrets(), verb.paging()));
    }
    v1::Response response = context.call(std::move(request));
    const auto* field = v1::Response::descriptor()->FindFieldByNumber(verb.operation().number());
    Message& result = *response.GetReflection()->MutableMessage(&response, field);
    context.show(title, result);
    client::wipe(result);
}

}  // namespace

void add_aws_verbs(CLI::App& app, Commands& commands) {
    for (const auto* operation : operations()) {
        auto verb = std::make_shared<AwsVerb>(app, *operation, help_of(kebab_case(operation->name())),
                                              "Verbs of aws secretsmanager");
        CLI::App* parsed = &verb->app();
        commands.push_back(
            {parsed, [verb = std::move(verb)](Context& context) { run(context, *verb); }, true});
    }
}

}  // namespace coffer::cli
