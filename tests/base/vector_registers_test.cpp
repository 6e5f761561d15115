// Registers that a copy goes through are empty afterwards.

#include "daemon/base/vector_registers.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace coffer {
namespace {

#if defined(__x86_64__)

using Vector = std::array<std::uint8_t, 16>;
constexpr Vector kNothing{};

Vector pattern() {
    Vector bytes{};
    bytes.fill(0xA5);
    return bytes;
}

TEST(VectorRegisters, LowOnesAreCleared) {
    const Vector in = pattern();
    Vector out = in;
    asm volatile("movdqu %0, %%xmm7" ::"m"(in) : "xmm7");
    forget_vector_registers();
    asm volatile("movdqu %%xmm7, %0" : "=m"(out));
    EXPECT_EQ(out, kNothing);
}

TEST(VectorRegisters, HighOnesAreCleared) {
    if (!__builtin_cpu_supports("avx512vl")) GTEST_SKIP() << "this processor has none";
    const Vector in = pattern();
    Vector out = in;
    asm volatile("vmovdqu64 %0, %%xmm17" ::"m"(in));
    forget_vector_registers();
    asm volatile("vmovdqu64 %%xmm17, %0" : "=m"(out));
    EXPECT_EQ(out, kNothing);
}

#endif

}  // namespace
}  // namespace coffer
