#pragma once
// The filters of ListSecrets and BatchGetSecretValue, as AWS applies them (recorded: description and `all`
// match by words, the others by prefix). Pure.

#include <google/protobuf/repeated_ptr_field.h>

#include <string>
#include <string_view>
#include <vector>

#include "coffer/v1/secrets.pb.h"
#include "storage/records.hpp"

namespace coffer::secrets {

/// Filters that were validated (keys and patterns). Filters AND together, the values of one filter OR; a
/// value that begins with '!' matches what the rest of it does not.
class ListFilter {
public:
    explicit ListFilter(const google::protobuf::RepeatedPtrField<v1::Filter>& filters);

    [[nodiscard]] bool matches(const storage::StoredSecret& secret) const;

    /// Prefixes one of which every match's name has; empty when the filters do not say so. For the database.
    [[nodiscard]] std::vector<std::string> name_prefixes() const;

    /// The same for equal filters: binds a pagination token to its query.
    [[nodiscard]] std::string fingerprint() const;

private:
    struct Value {
        bool negated = false;
        std::string text;
        std::vector<std::string> words;  // lower case; of description and all
    };
    enum class Key : std::uint8_t { name, description, tag_key, tag_value, all, nothing_has_it };
    struct Filter {
        Key key;
        std::vector<Value> values;
    };
    [[nodiscard]] static bool matches_value(const storage::StoredSecret& secret, Key key, const Value& value);
    std::vector<Filter> filters_;
};

/// The words of `text` as the filter `all` sees them, in lower case: split at / - _ + = . @ and white space
/// and where the case changes ("AppBeta" is app, beta; "COMPANYthings" is compan, ythings).
[[nodiscard]] std::vector<std::string> search_words(std::string_view text);

}  // namespace coffer::secrets
