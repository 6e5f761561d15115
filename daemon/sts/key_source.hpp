#pragma once
// Where the keys of an identity provider come from.

#include <cstdint>
#include <optional>

#include "daemon/base/errors.hpp"
#include "daemon/base/outcome.hpp"
#include "daemon/base/time.hpp"
#include "daemon/sts/web_key_set.hpp"

namespace coffer::sts {

/// Keys that cannot be read or fetched. `what()` names the file or the address, and the reason.
class KeySourceError : public Error {
public:
    using Error::Error;
};

/// For metrics.
struct KeySourceStatus {
    std::size_t keys = 0;
    /// Of keys that are fetched: when they last were; nothing before that.
    std::optional<Timestamp> fetched{};
    std::uint64_t fetches = 0;
    std::uint64_t failures = 0;
};

/// Thread-safe.
class KeySource {
public:
    virtual ~KeySource() = default;

    /// The newest keys; null while there were none yet. Does not wait.
    [[nodiscard]] virtual WebKeySetPtr keys() const = 0;

    /// Looks for newer keys, because a token names one that is not among keys(), where that can help and was
    /// not tried a moment ago. `done` is called when keys() is as new as it gets; it is never given an error.
    virtual void renew(Completion<Done> done) = 0;

    /// Reads again what was read at the start. Throws KeySourceError; then the keys stay as they were.
    virtual void reload() = 0;

    [[nodiscard]] virtual KeySourceStatus status() const = 0;
};

}  // namespace coffer::sts
