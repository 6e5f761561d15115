#include "daemon/secrets/list_filter.hpp"

#include <algorithm>

namespace coffer::secrets {

namespace {

bool is_upper(char c) noexcept {
    return c >= 'A' && c <= 'Z';
}
bool is_lower(char c) noexcept {
    return c >= 'a' && c <= 'z';
}
char to_lower(char c) noexcept {
    return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}
bool is_space(char c) noexcept {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), to_lower);
    return out;
}

std::vector<std::string> words_at_spaces(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    for (const char c : text) {
        if (!is_space(c)) {
            word.push_back(to_lower(c));
        } else if (!word.empty()) {
            words.push_back(std::move(word));
            word.clear();
        }
    }
    if (!word.empty()) words.push_back(std::move(word));
    return words;
}

/// Whether each of `wanted` is the beginning of some word; nothing wanted finds nothing.
bool all_begin_a_word(const std::vector<std::string>& wanted, const std::vector<std::string>& words) {
    return !wanted.empty() && std::ranges::all_of(wanted, [&](const std::string& w) {
        return std::ranges::any_of(words, [&](const std::string& word) { return word.starts_with(w); });
    });
}

}  // namespace

std::vector<std::string> search_words(std::string_view text) {
    constexpr std::string_view kSeparators = "/-_+=.@";
    std::vector<std::string> words;
    std::string word;
    const auto end_word = [&] {
        if (!word.empty()) words.push_back(lower(word));
        word.clear();
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (is_space(c) || kSeparators.find(c) != std::string_view::npos) {
            end_word();
            continue;
        }
        const bool after_lower = !word.empty() && is_lower(word.back());
        const bool before_lower = i + 1 < text.size() && is_lower(text[i + 1]);
        if (is_upper(c) && (after_lower || before_lower)) end_word();
        word.push_back(c);
    }
    end_word();
    return words;
}

ListFilter::ListFilter(const google::protobuf::RepeatedPtrField<v1::Filter>& filters) {
    for (const auto& given : filters) {
        Filter filter{Key::nothing_has_it, {}};
        if (given.key() == "name") filter.key = Key::name;
        if (given.key() == "description") filter.key = Key::description;
        if (given.key() == "tag-key") filter.key = Key::tag_key;
        if (given.key() == "tag-value") filter.key = Key::tag_value;
        if (given.key() == "all") filter.key = Key::all;
        for (const auto& text : given.values()) {
            Value value;
            value.negated = text.starts_with('!');
            value.text = value.negated ? text.substr(1) : text;
            if (filter.key == Key::description) value.words = words_at_spaces(value.text);
            if (filter.key == Key::all) value.words = search_words(value.text);
            filter.values.push_back(std::move(value));
        }
        filters_.push_back(std::move(filter));
    }
}

bool ListFilter::matches_value(const storage::StoredSecret& secret, Key key, const Value& value) {
    const auto tag_matches = [&](auto member) {
        return secret.tags && std::ranges::any_of(*secret.tags, [&](const storage::Tag& tag) {
                   return (tag.*member).starts_with(value.text);
               });
    };
    switch (key) {
        case Key::name:
            return secret.name.starts_with(value.text);
        case Key::description:
            return all_begin_a_word(value.words, words_at_spaces(secret.description.value_or("")));
        case Key::tag_key:
            return tag_matches(&storage::Tag::key);
        case Key::tag_value:
            return tag_matches(&storage::Tag::value);
        case Key::all: {
            auto words = search_words(secret.name);
            const auto add = [&](std::string_view text) {
                std::ranges::move(search_words(text), std::back_inserter(words));
            };
            add(secret.description.value_or(""));
            for (const auto& tag : secret.tags.value_or(std::vector<storage::Tag>{})) {
                add(tag.key);
                add(tag.value);
            }
            return all_begin_a_word(value.words, words);
        }
        case Key::nothing_has_it:  // primary-region, owning-service: no secret here has one
            return false;
    }
    return false;
}

bool ListFilter::matches(const storage::StoredSecret& secret) const {
    return std::ranges::all_of(filters_, [&](const Filter& filter) {
        return std::ranges::any_of(filter.values, [&](const Value& value) {
            return matches_value(secret, filter.key, value) != value.negated;
        });
    });
}

std::vector<std::string> ListFilter::name_prefixes() const {
    for (const auto& filter : filters_) {
        if (filter.key != Key::name || std::ranges::any_of(filter.values, &Value::negated)) continue;
        std::vector<std::string> prefixes;
        for (const auto& value : filter.values) prefixes.push_back(value.text);
        if (std::ranges::none_of(prefixes, [](const auto& p) { return p.empty(); })) return prefixes;
    }
    return {};
}

std::string ListFilter::fingerprint() const {
    CanonicalEncoder encoder("coffer/list-filter/v1");
    for (const auto& filter : filters_) {
        encoder.number(static_cast<int>(filter.key)).list(filter.values.size());
        for (const auto& value : filter.values) encoder.boolean(value.negated).text(value.text);
    }
    return std::string(as_text(encoder.result()));
}

}  // namespace coffer::secrets
