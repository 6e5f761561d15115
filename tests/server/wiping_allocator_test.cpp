// Freed memory holds nothing: the whole process is searched for what was in a string, as a debugger would.

#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "coffer/v1/frame.pb.h"

namespace coffer::daemon {
namespace {

constexpr std::size_t kMarkBytes = 48;

/// A marker that is nowhere in memory until it is asked for, nor afterwards but in what is returned.
std::string mark(char seed) {
    std::string text(kMarkBytes, '\0');
    for (std::size_t i = 0; i < kMarkBytes; ++i)
        text[i] = static_cast<char>('!' + (seed * 7 + static_cast<int>(i) * 11) % 90);
    return text;
}

/// How often the marker of `seed` stands in the writable memory of this process. Its bytes are compared one
/// by one as they are computed, so that the search itself leaves no copy.
std::size_t occurrences(char seed) {
    std::ifstream maps("/proc/self/maps");
    std::ifstream memory("/proc/self/mem", std::ios::binary);
    std::size_t found = 0;
    std::vector<char> block;
    for (std::string line; std::getline(maps, line);) {
        std::uintptr_t from = 0;
        std::uintptr_t to = 0;
        char dash = 0;
        std::string rights;
        std::istringstream(line) >> std::hex >> from >> dash >> to >> rights;
        if (rights.substr(0, 2) != "rw" || line.find("[v") != std::string::npos) continue;
        block.assign(to - from, '\0');
        memory.clear();
        memory.seekg(static_cast<std::streamoff>(from));
        memory.read(block.data(), static_cast<std::streamsize>(block.size()));
        const auto size = static_cast<std::size_t>(memory.gcount());
        for (std::size_t at = 0; at + kMarkBytes <= size; ++at) {
            std::size_t same = 0;
            while (same < kMarkBytes &&
                   block[at + same] ==
                       static_cast<char>('!' + (seed * 7 + static_cast<int>(same) * 11) % 90)) {
                ++same;
            }
            // The block is memory of this process as well; what it holds is not counted twice.
            if (same == kMarkBytes &&
                !(from + at >= reinterpret_cast<std::uintptr_t>(block.data()) &&
                  from + at < reinterpret_cast<std::uintptr_t>(block.data()) + block.size())) {
                ++found;
            }
        }
        OPENSSL_cleanse(block.data(), block.size());
    }
    return found;
}

TEST(WipingAllocator, TheSearchFindsWhatIsThere) {
    const std::string kept = mark('a');
    EXPECT_GE(occurrences('a'), 1U);
    EXPECT_EQ(kept.size(), kMarkBytes);
}

TEST(WipingAllocator, StringsAndVectorsAreGone) {
    {
        std::string text;
        for (int i = 0; i < 200; ++i) text += mark('b');  // with all the blocks it grew out of
        std::vector<char> copy(text.begin(), text.end());
        EXPECT_GE(occurrences('b'), 200U);
    }
    EXPECT_EQ(occurrences('b'), 0U);
}

TEST(WipingAllocator, MessagesAreGone) {
    {
        v1::Frame frame;
        frame.mutable_request()->mutable_put_secret_value()->set_secret_string(mark('c'));
        const std::string bytes = frame.SerializeAsString();
        v1::Frame copy;
        ASSERT_TRUE(copy.ParseFromString(bytes));
        EXPECT_GE(occurrences('c'), 3U);
    }
    EXPECT_EQ(occurrences('c'), 0U);
}

TEST(WipingAllocator, BlocksThatMoveAreGone) {
    auto* block = static_cast<char*>(std::malloc(64));
    ASSERT_NE(block, nullptr);
    std::memcpy(block, mark('d').data(), kMarkBytes);
    for (std::size_t size = 64; size < 4U * 1024 * 1024; size *= 2) {
        block = static_cast<char*>(std::realloc(block, size));
        ASSERT_NE(block, nullptr);
    }
    EXPECT_EQ(occurrences('d'), 1U);
    block = static_cast<char*>(std::realloc(block, 16));
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(occurrences('d'), 0U);
    std::free(block);
}

TEST(WipingAllocator, WhatALibraryFreesIsGone) {
    // OpenSSL is a shared library: its calls of free must come here too.
    void* block = OPENSSL_malloc(100);
    ASSERT_NE(block, nullptr);
    std::memcpy(block, mark('e').data(), kMarkBytes);
    EXPECT_GE(occurrences('e'), 1U);
    OPENSSL_free(block);
    EXPECT_EQ(occurrences('e'), 0U);
}

TEST(WipingAllocator, BehavesAsTheStandardSays) {
    std::free(nullptr);
    void* made = std::realloc(nullptr, 10);
    ASSERT_NE(made, nullptr);
    std::memcpy(made, "0123456789", 10);
    made = std::realloc(made, 100'000);
    ASSERT_NE(made, nullptr);
    EXPECT_EQ(std::memcmp(made, "0123456789", 10), 0);
    made = std::realloc(made, 5);
    ASSERT_NE(made, nullptr);
    EXPECT_EQ(std::memcmp(made, "01234", 5), 0);
    std::free(made);
    void* aligned = std::aligned_alloc(4096, 8192);
    ASSERT_NE(aligned, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(aligned) % 4096, 0U);
    std::free(aligned);
}

}  // namespace
}  // namespace coffer::daemon
