# Writes a C++ source with the text of each migration: cmake -DOUTPUT=file -DFILES="a.sql;b.sql" -P this.
list(SORT FILES)
set(entries "")
foreach(file ${FILES})
  get_filename_component(name ${file} NAME)
  if(NOT name MATCHES "^[0-9][0-9][0-9][0-9]_[a-z0-9_]+\\.sql$")
    message(FATAL_ERROR "${name}: a migration is named NNNN_words.sql")
  endif()
  string(SUBSTRING ${name} 0 4 number)
  string(REGEX REPLACE "^0+" "" number ${number})
  file(READ ${file} text)
  string(APPEND entries "    {${number}, \"${name}\", R\"migration(${text})migration\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Generated from storage/migrations/*.sql.
#include \"storage/embedded_migrations.hpp\"

namespace coffer::storage {

std::span<const Migration> embedded_migrations() noexcept {
    static constexpr Migration kMigrations[] = {
${entries}    };
    return kMigrations;
}

}  // namespace coffer::storage
")
