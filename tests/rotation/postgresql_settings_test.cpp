// What is set for one role of PostgreSQL, set for another.

#include "daemon/rotation/postgresql_settings.hpp"

#include <gmock/gmock.h>

namespace coffer::rotation {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// As the manual has it (4.1.1, 4.1.2), with standard_conforming_strings.
std::string doubled(std::string_view text, char quote) {
    std::string quoted(1, quote);
    for (const char c : text) quoted.append(c == quote ? 2 : 1, c);
    return quoted + quote;
}

std::vector<std::string> statements(const PostgresqlRoleSettings& has, const PostgresqlRoleSettings& wanted) {
    std::vector<std::string> texts;
    for (const auto& statement :
         has.statements_to(wanted, "\"sp_clone\"",
                           {.identifier = [](std::string_view text) { return doubled(text, '"'); },
                           .literal = [](std::string_view text) { return doubled(text, '\''); }})) {
        // Whose refusal is told by its name.
        EXPECT_THAT(statement.sql, HasSubstr(doubled(statement.setting, '"')));
        EXPECT_FALSE(statement.has_password);
        texts.push_back(statement.sql);
    }
    return texts;
}

TEST(PostgresqlRoleSettings, AreSetForTheOtherRole) {
    PostgresqlRoleSettings wanted;
    wanted.add("", "statement_timeout=7s");
    wanted.add("", "app.tenant=a=b'c");
    wanted.add("d\"b", "work_mem=64MB");
    wanted.add("", "role=somebody");
    EXPECT_THAT(statements({}, wanted),
                ElementsAre("ALTER ROLE \"sp_clone\" SET \"app.tenant\" TO 'a=b''c'",
                            "ALTER ROLE \"sp_clone\" SET \"statement_timeout\" TO '7s'",
                            "ALTER ROLE \"sp_clone\" IN DATABASE \"d\"\"b\" SET \"work_mem\" TO '64MB'"));
    EXPECT_THAT(statements(wanted, wanted), IsEmpty());
}

TEST(PostgresqlRoleSettings, ThatTheFirstDoesNotHaveAreReset) {
    PostgresqlRoleSettings has;
    has.add("", "role=sp");
    has.add("", "work_mem=1MB");
    has.add("", "lock_timeout=1s");
    has.add("d", "work_mem=1MB");
    PostgresqlRoleSettings wanted;
    wanted.add("", "work_mem=2MB");
    wanted.add("", "lock_timeout=1s");
    EXPECT_THAT(statements(has, wanted),
                ElementsAre("ALTER ROLE \"sp_clone\" SET \"work_mem\" TO '2MB'",
                            "ALTER ROLE \"sp_clone\" IN DATABASE \"d\" RESET \"work_mem\""));
}

// The catalogue has these as PostgreSQL's flatten_set_variable_args() writes them.
TEST(PostgresqlRoleSettings, ListsOfNamesAreQuotedNameByName) {
    const auto set = [](const std::string& entry) {
        PostgresqlRoleSettings wanted;
        wanted.add("", entry);
        return statements({}, wanted).front();
    };
    const std::string begin = "ALTER ROLE \"sp_clone\" SET ";
    EXPECT_EQ(set("search_path=\"$user\", public"), begin + "\"search_path\" TO '$user', 'public'");
    EXPECT_EQ(set("search_path=appdata"), begin + "\"search_path\" TO 'appdata'");
    EXPECT_EQ(set("search_path=\"a\"\"b, c\" ,d,\"E f\""),
              begin + "\"search_path\" TO 'a\"b, c', 'd', 'E f'");
    EXPECT_EQ(set("search_path=\"\""), begin + "\"search_path\" TO ''");
    EXPECT_EQ(set("search_path="), begin + "\"search_path\" TO ''");
    EXPECT_EQ(set("Temp_Tablespaces=o'x, y"), begin + "\"Temp_Tablespaces\" TO 'o''x', 'y'");
    EXPECT_EQ(set("DateStyle=ISO, DMY"), begin + "\"DateStyle\" TO 'ISO, DMY'");
}

}  // namespace
}  // namespace coffer::rotation
