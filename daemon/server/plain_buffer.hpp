#pragma once
// Bytes that held plaintext on their way between TLS and messages: wiped as soon as they have been used.

#include <openssl/crypto.h>

#include <cstring>

#include "daemon/base/bytes.hpp"

namespace coffer::server {

/// A growing buffer. What falls out of it is overwritten. (When it grows, the memory it leaves is wiped by
/// the daemon's allocator, crypto/wiping_allocator.cpp.)
class PlainBuffer {
public:
    PlainBuffer() = default;
    PlainBuffer(const PlainBuffer&) = delete;
    PlainBuffer& operator=(const PlainBuffer&) = delete;
    ~PlainBuffer() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

    [[nodiscard]] ByteView view() const noexcept { return bytes_; }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
    [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
    /// For appending to.
    [[nodiscard]] Bytes& bytes() noexcept { return bytes_; }
    void append(ByteView more) { bytes_.insert(bytes_.end(), more.begin(), more.end()); }

    /// Drops the first `count` bytes, at most size(). Memory beyond `kKeptBytes` is given back once empty.
    void drop_front(std::size_t count) {
        const std::size_t left = bytes_.size() - count;
        if (left > 0) std::memmove(bytes_.data(), bytes_.data() + count, left);
        OPENSSL_cleanse(bytes_.data() + left, count);
        bytes_.resize(left);
        if (left == 0 && bytes_.capacity() > kKeptBytes) Bytes().swap(bytes_);
    }

private:
    static constexpr std::size_t kKeptBytes = 4096;
    Bytes bytes_;
};

}  // namespace coffer::server
