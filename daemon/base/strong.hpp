#pragma once
// Strong types over strings and numbers, so that a name is not passed where a label is meant.

#include <compare>
#include <functional>
#include <string>
#include <utility>

namespace coffer {

/// A value of type `T` that means `Tag`. Compared and hashed like its content, converted only explicitly.
template <class Tag, class T = std::string>
class Strong {
public:
    Strong() = default;
    explicit Strong(T value) : value_(std::move(value)) {}

    [[nodiscard]] const T& value() const noexcept { return value_; }
    [[nodiscard]] bool operator==(const Strong&) const = default;
    [[nodiscard]] auto operator<=>(const Strong&) const = default;

private:
    T value_{};
};

}  // namespace coffer

template <class Tag, class T>
struct std::hash<coffer::Strong<Tag, T>> {
    std::size_t operator()(const coffer::Strong<Tag, T>& s) const noexcept {
        return std::hash<T>{}(s.value());
    }
};
