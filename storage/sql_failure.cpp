#include "storage/sql_failure.hpp"

#include <pqxx/except>

#include "storage/pg_connection.hpp"

namespace coffer::storage {

namespace {

/// By SQLSTATE (PostgreSQL's manual, appendix A).
FailureKind kind_of(const std::string& code) {
    if (code == "40001" || code == "40P01") return FailureKind::conflict;
    if (code == "25006") return FailureKind::refuses_writes;
    // A plan cached before a migration, or a statement that a pooler's other session prepared.
    if (code == "0A000") return FailureKind::connection_lost;
    const auto code_class = code.substr(0, 2);
    if (code_class == "08" || code == "57P01" || code == "57P02" || code == "57P03") {
        return FailureKind::connection_lost;
    }
    if (code_class == "53" || code_class == "57" || code_class == "58" || code == "55P03") {
        return FailureKind::unavailable;
    }
    return FailureKind::refused;
}

Failure from_sqlstate(const std::string& code) {
    return {kind_of(code), describe_sqlstate(code)};
}

}  // namespace

Failure classify(const std::exception_ptr& error, bool connection_is_open) {
    Failure lost{FailureKind::connection_lost, describe_sqlstate("")};
    try {
        std::rethrow_exception(error);
    } catch (const pqxx::serialization_failure&) {
        return from_sqlstate("40001");
    } catch (const pqxx::deadlock_detected&) {
        return from_sqlstate("40P01");
    } catch (const pqxx::broken_connection&) {
        return lost;
    } catch (const pqxx::sql_error& failed) {
        return connection_is_open ? from_sqlstate(failed.sqlstate()) : lost;
    } catch (const pqxx::failure&) {
        if (!connection_is_open) return lost;
        return {FailureKind::refused, "libpqxx could not run a statement"};
    } catch (...) {
        return {FailureKind::none_of_ours, {}};
    }
}

}  // namespace coffer::storage
