#pragma once
// What a fuzz target holds to be true whatever the input. Not an assert: NDEBUG must not silence it.

#include <cstdlib>
#include <iostream>

namespace coffer::fuzz {

inline void expect(bool holds, const char* what) {
    if (holds) return;
    std::cerr << "does not hold: " << what << "\n";
    std::abort();
}

}  // namespace coffer::fuzz
