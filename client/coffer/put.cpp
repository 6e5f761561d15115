// coffer put NAME: stores a value, whether the secret exists or not.

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "client/coffer/command.hpp"
#include "client/coffer/completion_tree.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/key_names.hpp"
#include "client/coffer/parameter.hpp"
#include "client/wipe.hpp"
#include "daemon/base/uuid.hpp"
#include "proto/utf8.hpp"

namespace coffer::cli {

namespace {

struct PutOptions {
    std::string name;
    std::string file;
    bool generate = false;
    std::int64_t length = 32;
    std::string exclude_characters;
    bool exclude_numbers = false;
    bool exclude_punctuation = false;
    bool exclude_uppercase = false;
    bool exclude_lowercase = false;
    bool include_space = false;
    bool binary = false;
    bool text = false;
    std::optional<std::string> description;
    std::optional<std::string> kms_key_id;
    bool quiet = false;
};

crypto::SecretBytes generate(Context& context, const PutOptions& options) {
    v1::Request request;
    auto& random = *request.mutable_get_random_password();
    random.set_password_length(options.length);
    if (!options.exclude_characters.empty()) random.set_exclude_characters(options.exclude_characters);
    random.set_exclude_numbers(options.exclude_numbers);
    random.set_exclude_punctuation(options.exclude_punctuation);
    random.set_exclude_uppercase(options.exclude_uppercase);
    random.set_exclude_lowercase(options.exclude_lowercase);
    random.set_include_space(options.include_space);
    v1::Response response = context.call(std::move(request));
    const client::Wiped result(std::move(*response.mutable_get_random_password()));
    return crypto::SecretBytes::copy_of(std::string_view(result->random_password()));
}

crypto::SecretBytes read_value(Context& context, const PutOptions& options) {
    if (options.generate) return generate(context, options);
    if (!options.file.empty() && options.file != "-") return read_file(options.file);
    return read_hidden_or_piped("Value of " + options.name);
}

/// Text unless it cannot be.
bool is_binary(const PutOptions& options, const crypto::SecretBytes& value) {
    if (options.binary) return true;
    const bool utf8 = proto::utf8_length(value.text()).has_value();
    if (options.text && !utf8)
        throw Failure("the value is not text in UTF-8; without --text it is stored as binary");
    return !utf8;
}

template <class M>
void set_value(M& message, const crypto::SecretBytes& value, bool binary, const std::string& token) {
    message.set_client_request_token(token);
    if (binary) {
        message.set_secret_binary(std::string(value.text()));
    } else {
        message.set_secret_string(std::string(value.text()));
    }
}

template <class M>
void set_attributes(M& message, const PutOptions& options) {
    if (options.description) message.set_description(*options.description);
    if (options.kms_key_id) message.set_kms_key_id(key_id_of(*options.kms_key_id));
}

/// A new version of a secret that exists. PutSecretValue changes nothing else, so what else is asked for goes
/// into one UpdateSecret with the value: both are done or neither.
v1::Request make_put(const PutOptions& options, const crypto::SecretBytes& value, const std::string& token) {
    v1::Request request;
    if (options.description || options.kms_key_id) {
        auto& update = *request.mutable_update_secret();
        update.set_secret_id(options.name);
        set_attributes(update, options);
        set_value(update, value, is_binary(options, value), token);
        return request;
    }
    request.mutable_put_secret_value()->set_secret_id(options.name);
    set_value(*request.mutable_put_secret_value(), value, is_binary(options, value), token);
    return request;
}

v1::Request make_create(const PutOptions& options, const crypto::SecretBytes& value,
                        const std::string& token) {
    v1::Request request;
    auto& create = *request.mutable_create_secret();
    create.set_name(options.name);
    set_attributes(create, options);
    set_value(create, value, is_binary(options, value), token);
    return request;
}

/// A master key that is not there has the same code as a secret that is not.
bool is_about_key(const ServiceFailure& error) {
    return std::string_view(error.what()).find("names no master key") != std::string_view::npos;
}

/// Calls, and says whether the answer was not the error `tolerated`.
bool call_unless(Context& context, v1::Request request, v1::ErrorCode tolerated) {
    try {
        static_cast<void>(context.call(std::move(request)));
        return true;
    } catch (const ServiceFailure& error) {
        if (error.code() != tolerated || is_about_key(error)) throw;
        return false;
    }
}

void run(Context& context, const PutOptions& options) {
    const auto value = read_value(context, options);
    if (value.empty()) throw Failure("the value is empty; a secret's value has at least 1 byte");
    const std::string token = Uuid::random().text();  // becomes the version's id
    std::string what = "updated";
    // Most secrets exist. One that is made by somebody else in between is updated.
    if (!call_unless(context, make_put(options, value, token), v1::RESOURCE_NOT_FOUND)) {
        if (options.name.starts_with("arn:")) {
            throw Failure(
                fmt::format("there is no secret {}; give a name, not an ARN, to create one", options.name));
        }
        what = "created";
        if (!call_unless(context, make_create(options, value, token), v1::RESOURCE_EXISTS)) {
            what = "updated";
            static_cast<void>(context.call(make_put(options, value, token)));
        }
    }
    if (!options.quiet) say(fmt::format("{} {}, version {}\n", what, options.name, token));
}

void add_generation(CLI::App& verb, PutOptions& options) {
    auto* generated =
        verb.add_flag("--generate", options.generate, "have the token make up a password; it is not shown");
    verb.add_option("--length", options.length, "its length (32)")
        ->check(CLI::Range(1, 4096))
        ->needs(generated);
    verb.add_option("--exclude-characters", options.exclude_characters, "characters that it must not have")
        ->needs(generated);
    verb.add_flag("--exclude-numbers", options.exclude_numbers, "no digits")->needs(generated);
    verb.add_flag("--exclude-punctuation", options.exclude_punctuation, "no punctuation")->needs(generated);
    verb.add_flag("--exclude-uppercase", options.exclude_uppercase, "no capital letters")->needs(generated);
    verb.add_flag("--exclude-lowercase", options.exclude_lowercase, "no small letters")->needs(generated);
    verb.add_flag("--include-space", options.include_space, "blanks as well")->needs(generated);
}

}  // namespace

void add_put(CLI::App& app, Commands& commands) {
    auto options = std::make_shared<PutOptions>();
    auto* verb = add_verb(app, "put", "Store a value, creating the secret if need be",
                          {"printf 's3cret' | coffer put app/db", "coffer put app/key --file key.der",
                           "coffer put app/db              (asks, without showing what is typed)",
                           "coffer put app/password --generate --length 20 --exclude-punctuation"});
    verb->add_option("name", options->name, "name or ARN")->required()->type_name(kTypeSecret);
    auto* file = verb->add_option("--file", options->file,
                                  "read the value from this file, exactly; - is standard input")
                     ->type_name(kTypeFile);
    add_generation(*verb, *options);
    verb->get_option("--generate")->excludes(file);
    auto* binary = verb->add_flag("--binary", options->binary, "store as SecretBinary, also if it is text");
    verb->add_flag("--text", options->text, "fail if it is not text")->excludes(binary);
    verb->add_option("--description", options->description, "describes the secret");
    verb->add_option("--kms-key-id", options->kms_key_id,
                     "its master key: NAME, alias/NAME, a key id or an ARN");
    verb->add_flag("-q,--quiet", options->quiet, "do not say what was done");
    commands.push_back({verb, [options](Context& context) { run(context, *options); }});
}

}  // namespace coffer::cli
