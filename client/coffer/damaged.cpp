// coffer damaged: secrets whose rows in the database were altered, found and discarded.

#include <fmt/format.h>

#include <memory>
#include <string>

#include "client/coffer/columns.hpp"
#include "client/coffer/command.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/failure.hpp"
#include "daemon/base/uuid.hpp"

namespace coffer::cli {

namespace {

constexpr int kCheckedAtOnce = 500;

/// A name would not do: a damaged row may have that of another secret.
void require_row_id(const std::string& row) {
    if (!Uuid::parse(row)) {
        throw UsageError("ROW must be a row id, as coffer damaged list shows it in its first column");
    }
}

// ---- list -------------------------------------------------------------------------------------------------

v1::ListDamagedSecretsResponse list_one(Context& context, const std::string& row) {
    v1::Request request;
    request.mutable_list_damaged_secrets()->set_row_id(row);
    return context.call(std::move(request)).list_damaged_secrets();
}

v1::ListDamagedSecretsResponse list_all(Context& context) {
    Progress progress("checking secrets");
    v1::ListDamagedSecretsResponse all;
    all.set_checked(0);
    std::string token;
    do {
        v1::Request request;
        auto& asked = *request.mutable_list_damaged_secrets();
        asked.set_max_results(kCheckedAtOnce);
        if (!token.empty()) asked.set_next_token(token);
        const auto response = context.call_quietly(std::move(request));
        const auto& page = response.list_damaged_secrets();
        if (page.has_total()) all.set_total(page.total());
        all.set_checked(all.checked() + page.checked());
        all.mutable_damaged_secrets()->MergeFrom(page.damaged_secrets());
        token = page.next_token();
        progress.set(fmt::format("checking secrets, {} of about {}, {} damaged", all.checked(), all.total(),
                                 all.damaged_secrets_size()));
    } while (!token.empty());
    all.clear_total();
    return all;
}

void print_damaged(const v1::ListDamagedSecretsResponse& found) {
    Columns columns({"ROW", "NAME (as the row says)", "WHAT DOES NOT AGREE"});
    for (const auto& each : found.damaged_secrets()) {
        columns.add({each.row_id(), each.name(), each.message()});
    }
    print(columns.text());
}

void run_list_damaged(Context& context, const std::string& row) {
    if (!row.empty()) require_row_id(row);
    const auto found = row.empty() ? list_all(context) : list_one(context, row);
    const bool damaged = !found.damaged_secrets().empty();
    if (!context.options().output.empty()) {
        context.show("ListDamagedSecrets", found);
    } else if (damaged) {
        print_damaged(found);
    } else {
        print(row.empty() ? fmt::format("{} secrets were checked: none is damaged\n", found.checked())
                          : std::string("the secret is whole\n"));
    }
    if (!damaged) return;
    const auto what = row.empty() ? fmt::format("{} of {} secrets are damaged", found.damaged_secrets_size(),
                                                found.checked())
                                  : std::string("the secret is damaged");
    throw Failure(what + ". Restore from a backup first: docs/troubleshooting.md");
}

// ---- discard ----------------------------------------------------------------------------------------------

struct DiscardOptions {
    std::string row;
    bool yes = false;
};

/// Shows what is about to go, where the caller may look.
void show_before(Context& context, const std::string& row) {
    try {
        const auto found = list_one(context, row);
        if (found.damaged_secrets().empty()) throw Failure("the secret is whole; coffer rm deletes it");
        print_damaged(found);
    } catch (const ServiceFailure& error) {
        if (error.code() != v1::ACCESS_DENIED) throw;
    }
}

void require_consent_to_discard(Context& context, const DiscardOptions& options) {
    if (options.yes) return;
    if (!stdin_is_terminal()) {
        throw UsageError(
            "the secret goes with all of its versions, for good; without a terminal to ask on, add --yes");
    }
    show_before(context, options.row);
    if (!confirm("Discard it with all of its versions, now and for good?")) {
        throw Failure("nothing was discarded");
    }
}

void run_discard(Context& context, const DiscardOptions& options) {
    require_row_id(options.row);
    require_consent_to_discard(context, options);
    v1::Request request;
    request.mutable_discard_damaged_secret()->set_row_id(options.row);
    const auto response = context.call(std::move(request));
    const auto& answer = response.discard_damaged_secret();
    if (!context.options().output.empty()) return context.show("DiscardDamagedSecret", answer);
    print(fmt::format("row {} is discarded; the name {} is free\n", answer.damaged_secret().row_id(),
                      answer.damaged_secret().name()));
}

}  // namespace

void add_damaged(CLI::App& app, Commands& commands) {
    auto* group = app.add_subcommand("damaged", "Secrets that were altered in the database: find, discard");
    group->fallthrough();
    group->require_subcommand(1);
    group->footer(
        "Examples:\n"
        "  coffer damaged list\n"
        "  coffer damaged list --output json\n"
        "  coffer damaged discard 2f6c1e0a-8a54-4d0e-9b57-3c5d1f0e7a11\n"
        "\nlist ends with exit code 1 when a secret is damaged. Restore from a backup first; what is "
        "discarded is gone.\nWhat to do is in docs/troubleshooting.md.");

    auto row = std::make_shared<std::string>();
    auto* verb = add_verb(*group, "list", "Check the seals of all secrets, and show which do not match",
                          {"coffer damaged list", "coffer damaged list --output json",
                           "coffer key verify --values        (whether keys and values open)"});
    verb->add_option("ROW", *row, "only the secret with this row id (all secrets)");
    commands.push_back({verb, [row](Context& context) { run_list_damaged(context, *row); }, true});

    auto options = std::make_shared<DiscardOptions>();
    verb = add_verb(*group, "discard", "Remove a damaged secret with all of its versions, for good",
                    {"coffer damaged discard 2f6c1e0a-8a54-4d0e-9b57-3c5d1f0e7a11        (asks first)",
                     "coffer damaged discard 2f6c1e0a-8a54-4d0e-9b57-3c5d1f0e7a11 --yes"});
    verb->add_option("ROW", options->row, "row id, from coffer damaged list")->required();
    verb->add_flag("-y,--yes", options->yes, "do not ask");
    commands.push_back({verb, [options](Context& context) { run_discard(context, *options); }, true});
}

}  // namespace coffer::cli
