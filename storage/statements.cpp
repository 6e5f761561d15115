#include "storage/statements.hpp"

namespace coffer::storage {

const std::vector<Statement>& all_statements() {
    static const std::vector<Statement> kAll = [] {
        std::vector<Statement> all;
        for (auto* part : {&secret_statements, &listing_statements, &loading_statements, &damage_statements,
                           &access_statements, &master_key_statements, &rewrap_statements, &iam_statements,
                           &outbox_statements, &audit_event_statements, &usage_statements,
                           &access_key_use_statements, &rotation_statements, &token_key_statements,
                           &seal_key_statements, &reseal_statements, &certificate_statements}) {
            for (auto& statement : part()) all.push_back(std::move(statement));
        }
        return all;
    }();
    return kAll;
}

}  // namespace coffer::storage
