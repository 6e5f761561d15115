#pragma once
// Bytes on their way between messages and TLS, wiped as soon as they have been used. (Not installed.)

#include <openssl/crypto.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "daemon/base/bytes.hpp"

namespace coffer::client {

/// A growing buffer that leaves nothing behind: neither when bytes are dropped nor when it grows.
class WipedBuffer {
public:
    WipedBuffer() = default;
    WipedBuffer(const WipedBuffer&) = delete;
    WipedBuffer& operator=(const WipedBuffer&) = delete;
    ~WipedBuffer() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

    [[nodiscard]] ByteView view() const noexcept { return bytes_; }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
    [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }

    /// The bytes, for appending at most `count` to, which will not move them.
    [[nodiscard]] Bytes& room_for(std::size_t count) {
        if (bytes_.capacity() - bytes_.size() < count) {
            Bytes larger;
            larger.reserve(std::max(bytes_.size() + count, 2 * bytes_.capacity()));
            larger.assign(bytes_.begin(), bytes_.end());
            OPENSSL_cleanse(bytes_.data(), bytes_.size());
            bytes_.swap(larger);
        }
        return bytes_;
    }

    void append(ByteView more) {
        auto& bytes = room_for(more.size());
        bytes.insert(bytes.end(), more.begin(), more.end());
    }

    /// Drops the first `count` bytes, at most size().
    void drop_front(std::size_t count) {
        const std::size_t left = bytes_.size() - count;
        if (left > 0) std::memmove(bytes_.data(), bytes_.data() + count, left);
        OPENSSL_cleanse(bytes_.data() + left, count);
        bytes_.resize(left);
        if (left == 0 && bytes_.capacity() > kKeptBytes) Bytes().swap(bytes_);
    }

private:
    static constexpr std::size_t kKeptBytes = 256 * 1024;
    Bytes bytes_;
};

}  // namespace coffer::client
