#pragma once
// A deleter for the handles of C libraries: std::unique_ptr<X509, FreeWith<X509_free>>.

namespace coffer {

/// Frees with the function `Free`, of whichever type it takes. What it returns is not looked at.
template <auto Free>
struct FreeWith {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};

}  // namespace coffer
