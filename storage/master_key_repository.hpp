#pragma once
// The master keys' generations as the database knows them: which exist, and how each is recognised. Sealed
// as one set, so that a generation that is gone is noticed.

#include <vector>

#include "storage/records.hpp"
#include "storage/transaction.hpp"

namespace coffer::storage {

class MasterKeyRepository {
public:
    /// All generations, by id and generation.
    [[nodiscard]] static std::vector<StoredMasterKey> all(ReadTransaction& tx);
    /// Adds generations that are not there yet; those that are there stay as they are. Safe when several
    /// nodes register the same ones at once.
    static void add(WriteTransaction& tx, const std::vector<StoredMasterKey>& keys);
};

}  // namespace coffer::storage
