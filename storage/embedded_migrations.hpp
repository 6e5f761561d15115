#pragma once
// The SQL files of storage/migrations/, compiled in.

#include <span>
#include <string_view>

namespace coffer::storage {

struct Migration {
    int version;
    std::string_view file;
    std::string_view sql;
};

/// All migrations by rising version, without gaps from 1.
[[nodiscard]] std::span<const Migration> embedded_migrations() noexcept;

}  // namespace coffer::storage
