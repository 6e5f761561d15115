#pragma once
// One verb of `aws secretsmanager` or `aws iam`: its options, made from the schema, and the request that they
// say.

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "client/coffer/paging.hpp"
#include "client/coffer/schema.hpp"
#include "client/coffer/verb_help.hpp"
#include "coffer/v1/frame.pb.h"

namespace coffer::cli {

class AwsVerb {
public:
    /// Adds the verb to `app`, in a group of that name. The object must live as long as the parsing.
    AwsVerb(CLI::App& app, const FieldDescriptor& operation, const VerbHelp& help, const std::string& group);
    AwsVerb(const AwsVerb&) = delete;
    AwsVerb& operator=(const AwsVerb&) = delete;

    [[nodiscard]] CLI::App& app() const noexcept { return *app_; }
    [[nodiscard]] const FieldDescriptor& operation() const noexcept { return operation_; }

    /// The request that the parsed options say; reads the files and the standard input that they name. Throws
    /// UsageError, Failure.
    [[nodiscard]] v1::Request request() const;

    /// Of list-secrets: pages are put together unless one page was asked for, as the AWS CLI does.
    [[nodiscard]] const Paging& paging() const noexcept { return paging_; }
    [[nodiscard]] bool wants_one_page() const;
    /// Of rotate-secret: it is only to be looked at what the rotation would meet.
    [[nodiscard]] bool is_dry_run() const noexcept { return dry_run_; }

private:
    struct Input {
        CLI::Option* option = nullptr;
        std::vector<std::string> values;
        bool flag = false;
    };
    void add_option(const FieldDescriptor& field);
    void fill_from_json(google::protobuf::Message& message) const;
    void fill(google::protobuf::Message& message, const FieldDescriptor& field, const Input& input) const;
    void fill_secret(google::protobuf::Message& message, const FieldDescriptor& field,
                     const Input& input) const;
    void fill_list(google::protobuf::Message& message, const FieldDescriptor& field,
                   const Input& input) const;
    void require(const FieldDescriptor& field, const google::protobuf::Message& message) const;

    const FieldDescriptor& operation_;
    CLI::App* app_ = nullptr;
    std::map<const FieldDescriptor*, Input> inputs_;
    Paging paging_;
    std::string cli_input_json_;
    std::string binary_format_ = "base64";
    bool allow_argv_value_ = false;
    bool dry_run_ = false;
};

}  // namespace coffer::cli
