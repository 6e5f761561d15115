// Memory is wiped when it is freed, whoever frees it: our own code, protobuf, OpenSSL, libpq, a PKCS#11
// module. A value that was in a string, a message or a buffer is gone when that is, without every library
// having to take care.
//
// The executable's free and realloc come before glibc's for every library of the process (a shared library's
// reference is bound to the first definition in the search order, which begins with the executable). They
// hand on to glibc's own, so its malloc, calloc and the aligned ones go unchanged with them.
//
// Left out under the sanitizers, which bring an allocator of their own.

#include <malloc.h>
#include <string.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>

extern "C" {

// glibc's allocator under its internal names, which stay what they are when free is replaced.
void* __libc_malloc(std::size_t size);  // NOLINT(bugprone-reserved-identifier)
void __libc_free(void* memory);         // NOLINT(bugprone-reserved-identifier)

void free(void* memory) noexcept {
    if (memory == nullptr) return;
    const int saved = errno;
    explicit_bzero(memory, malloc_usable_size(memory));
    __libc_free(memory);
    errno = saved;
}

// glibc's own realloc may move a block and free the old one without passing through free above.
void* realloc(void* memory, std::size_t size) noexcept {
    if (memory == nullptr) return __libc_malloc(size);
    if (size == 0) {
        free(memory);
        return nullptr;
    }
    const std::size_t usable = malloc_usable_size(memory);
    if (size <= usable && size >= usable / 2) {
        explicit_bzero(static_cast<char*>(memory) + size, usable - size);
        return memory;
    }
    void* moved = __libc_malloc(size);
    if (moved == nullptr) return nullptr;
    memcpy(moved, memory, size < usable ? size : usable);
    free(memory);
    return moved;
}

}  // extern "C"
