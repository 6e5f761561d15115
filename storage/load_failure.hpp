#pragma once
// Why the cache could not load something, and whether what it had before may stand in for it. Internal to
// storage/.

#include <exception>

#include "daemon/base/errors.hpp"

namespace coffer::storage {

enum class LoadFailure { deadline, unavailable, integrity, other };

[[nodiscard]] inline LoadFailure kind_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const DeadlineExceeded&) {
        return LoadFailure::deadline;
    } catch (const Unavailable&) {
        return LoadFailure::unavailable;
    } catch (const IntegrityError&) {
        return LoadFailure::integrity;
    } catch (...) {
        return LoadFailure::other;
    }
}

/// The database did not answer, which says nothing about what is stored.
[[nodiscard]] inline bool is_silence(LoadFailure kind) noexcept {
    return kind == LoadFailure::unavailable || kind == LoadFailure::deadline;
}

}  // namespace coffer::storage
