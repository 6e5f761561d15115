#include "client/coffer/token_keys.hpp"

#include <fmt/format.h>

#include "client/coffer/columns.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/timestamp.hpp"

namespace coffer::cli {

namespace {

std::string joined(const v1::KeyGeneration& generation) {
    std::string nodes;
    for (const auto& node : generation.nodes()) nodes += (nodes.empty() ? "" : ", ") + node;
    return nodes.empty() ? "-" : nodes;
}

std::string created(const v1::KeyGeneration& generation) {
    return generation.has_creation_date() ? short_time(generation.creation_date()) : "-";
}

}  // namespace

void add_token_key_flags(CLI::App& verb, std::string& key) {
    auto* audit = verb.add_flag_callback(
        "--audit", [&key] { key = kAuditKey; },
        "the key that signs the audit journals, in place of a master key");
    auto* seal = verb.add_flag_callback(
        "--seal", [&key] { key = kSealKey; }, "the key that seals rows, in place of a master key");
    audit->excludes(verb.get_option("key"))->excludes(seal);
    seal->excludes(verb.get_option("key"));
}

void print_audit_generations(const v1::KeyMetadata& key) {
    Columns columns({"GENERATION", "CREATED", "PUBLIC KEY (SHA-256)", "SIGNS THE JOURNALS OF", "IN TOKEN"});
    for (const auto& generation : key.generations()) {
        columns.add({std::to_string(generation.generation()), created(generation),
                     generation.has_public_key_sha256() ? generation.public_key_sha256() : "-",
                     joined(generation), generation.in_token() ? "yes" : "NO"});
    }
    print("\n" + columns.text());
}

void print_seal_generations(const v1::KeyMetadata& key) {
    Columns columns({"GENERATION", "CREATED", "ROWS", "NEWEST OF THE NODES", "IN TOKEN"});
    for (const auto& generation : key.generations()) {
        const bool seals = generation.generation() == key.current_generation();
        columns.add({fmt::format("{}{}", generation.generation(), seals ? " (seals)" : ""),
                     created(generation), generation.has_rows() ? std::to_string(generation.rows()) : "...",
                     joined(generation), generation.in_token() ? "yes" : "NO"});
    }
    print("\n" + columns.text());
}

}  // namespace coffer::cli
