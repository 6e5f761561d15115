#include "daemon/rotation/function_set.hpp"

#include <algorithm>

namespace coffer::rotation {

std::string function_arn(std::string_view region, std::string_view account, std::string_view name) {
    return std::string("arn:aws:lambda:")
        .append(region)
        .append(":")
        .append(account)
        .append(":function:")
        .append(name);
}

void FunctionSet::add(FunctionEntry entry) {
    const auto place = std::ranges::lower_bound(entries_, entry.name, {}, &FunctionEntry::name);
    entries_.insert(place, std::move(entry));
}

const FunctionEntry* FunctionSet::find(std::string_view arn) const noexcept {
    const auto found = std::ranges::find_if(entries_, [arn](const FunctionEntry& entry) {
        return arn == entry.arn || (arn.starts_with(entry.arn) && arn[entry.arn.size()] == ':');
    });
    return found == entries_.end() ? nullptr : &*found;
}

std::string_view FunctionSet::own_arn(std::string_view arn) const noexcept {
    const auto* entry = find(arn);
    return entry == nullptr ? arn : std::string_view(entry->arn);
}

bool FunctionSet::tells_target(std::string_view arn) const noexcept {
    const auto* entry = find(arn);
    return entry == nullptr || entry->function->target() == Function::Target::told;
}

}  // namespace coffer::rotation
