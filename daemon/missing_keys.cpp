#include "daemon/missing_keys.hpp"

#include <chrono>

#include "storage/pg_connection.hpp"

namespace coffer::daemon {

namespace {

constexpr std::chrono::seconds kLookPatience{5};
constexpr const char* kUndefinedTable = "42P01";

/// Master keys are registered at the first start, before there is any secret.
constexpr const char* kAnythingStored =
    "SELECT EXISTS (SELECT 1 FROM secrets) OR EXISTS (SELECT 1 FROM master_keys)";

}  // namespace

std::string explain(const crypto::KeysMissing& missing, const server::DatabaseSection& database) {
    using crypto::KeysMissing;
    const auto never_made = [&] {
        return missing.fact() +
               ", and the database holds nothing yet: " + std::string(KeysMissing::kNeverMade);
    };
    const Deadline until = std::chrono::steady_clock::now() + kLookPatience;
    try {
        auto connection = storage::PgConnection::connect(database.conninfo, until);
        const auto stored = connection.exec(kAnythingStored, until);
        if (storage::first_value(stored, 0) == "f") return never_made();
        return missing.fact() + ", and the database was written with one: " + std::string(KeysMissing::kLost);
    } catch (const storage::SqlError& error) {
        return error.sqlstate() == kUndefinedTable ? never_made() : std::string(missing.what());
    } catch (const Error&) {
        return missing.what();
    }
}

}  // namespace coffer::daemon
