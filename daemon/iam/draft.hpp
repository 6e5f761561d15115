#pragma once
// The records while a change is made to them.

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/iam/records.hpp"

namespace coffer::iam {

/// A copy of the records that remembers what was changed. Used by one thread.
class Draft {
public:
    explicit Draft(const Records& records) : records_(records) {}

    [[nodiscard]] const Records& records() const noexcept { return records_; }

    /// The record of that name, which must be there, to be changed.
    template <class Record>
    [[nodiscard]] Record& edit(const std::string& name) {
        auto copy = std::make_shared<Record>(*records_.table<Record>().at(name));
        auto& record = *copy;
        records_.table<Record>()[name] = std::move(copy);
        changed_.insert({Record::kKind, name});
        return record;
    }

    /// Adds a record, or takes the place of the one of its name.
    template <class Record>
    void put(Record record) {
        const IamKey key{Record::kKind, record.name};
        records_.table<Record>()[key.name] = std::make_shared<const Record>(std::move(record));
        records_.faults.erase(key);
        changed_.insert(key);
    }

    /// Removes the record of that name, also one that is not believed.
    template <class Record>
    void erase(const std::string& name) {
        const IamKey key{Record::kKind, name};
        records_.table<Record>().erase(name);
        records_.faults.erase(key);
        changed_.insert(key);
    }

    /// What has to be stored.
    [[nodiscard]] std::vector<storage::IamChange> changes() const;

private:
    Records records_;
    std::set<IamKey> changed_;
};

}  // namespace coffer::iam
