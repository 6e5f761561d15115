#include <memory>

#include "client/coffer/aws_verbs.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/iam.hpp"
#include "client/wipe.hpp"

namespace coffer::cli {

namespace {

using google::protobuf::Message;

/// Whether `operation` is done by a verb for hands instead.
bool has_own_verb(const FieldDescriptor& operation) {
    switch (operation.number()) {
        case v1::Request::kWhoCan:
        case v1::Request::kWhatCan:
        case v1::Request::kLintPolicies:
        case v1::Request::kGetAccessConfiguration:
        case v1::Request::kApplyAccessConfiguration:
            return true;
        default:
            return false;
    }
}

/// The field `name` of `message` when it has one that is set; null otherwise.
const FieldDescriptor* set_field(const Message& message, const char* name) {
    const auto* field = message.GetDescriptor()->FindFieldByName(name);
    return field != nullptr && message.GetReflection()->HasField(message, field) ? field : nullptr;
}

}  // namespace

void say_warnings(Message& answer) {
    const auto* field = answer.GetDescriptor()->FindFieldByName("warnings");
    if (field == nullptr) return;
    const auto& reflection = *answer.GetReflection();
    for (int i = 0; i < reflection.FieldSize(answer, field); ++i) {
        say("Warning: " + reflection.GetRepeatedString(answer, field, i) + ".\n");
    }
    reflection.ClearField(&answer, field);
}

void run_verb(Context& context, const AwsVerb& verb) {
    const v1::Request request = verb.request();
    const auto& reflection = *request.GetReflection();
    const auto& asked = reflection.GetMessage(request, &verb.operation());
    const bool one_page = context.options().no_paginate || set_field(asked, "marker") != nullptr ||
                          set_field(asked, "max_items") != nullptr;
    auto response = one_page ? context.call(request) : call_all(context, request);
    const auto* field = v1::Response::descriptor()->FindFieldByNumber(verb.operation().number());
    auto& result = *response.GetReflection()->MutableMessage(&response, field);
    say_warnings(result);
    context.show(aws_name(verb.operation()), result);
    client::wipe(result);  // the secret of a new access key
}

v1::Response call_all(Context& context, v1::Request request) {
    const int number = request.operation_case();
    const auto* asked_field = v1::Request::descriptor()->FindFieldByNumber(number);
    const auto* field = v1::Response::descriptor()->FindFieldByNumber(number);
    v1::Response all;
    while (true) {
        v1::Response page = context.call(request);
        auto& answer = *page.GetReflection()->MutableMessage(&page, field);
        std::string marker;
        if (const auto* more = set_field(answer, "marker")) {
            marker = answer.GetReflection()->GetString(answer, more);
            answer.GetReflection()->ClearField(&answer, more);
        }
        if (const auto* truncated = set_field(answer, "is_truncated")) {
            answer.GetReflection()->ClearField(&answer, truncated);
        }
        all.GetReflection()->MutableMessage(&all, field)->MergeFrom(answer);
        if (marker.empty()) return all;
        auto& asked = *request.GetReflection()->MutableMessage(&request, asked_field);
        asked.GetReflection()->SetString(&asked, asked.GetDescriptor()->FindFieldByName("marker"), marker);
    }
}

void add_iam_verbs(CLI::App& iam, Commands& commands) {
    for (const auto* operation : iam_operations()) {
        if (has_own_verb(*operation)) continue;
        const auto& help = iam_help_of(kebab_case(operation->name()));
        auto verb = std::make_shared<AwsVerb>(iam, *operation, help, "Verbs of aws iam");
        CLI::App* parsed = &verb->app();
        commands.push_back(
            {parsed, [verb = std::move(verb)](Context& context) { run_verb(context, *verb); }, true});
    }
}

}  // namespace coffer::cli
