#pragma once
// A move-only std::function: what a completion needs that carries secret bytes or a coroutine's handler,
// neither of which may be copied. (std::move_only_function is C++23.)

#include <memory>
#include <type_traits>
#include <utility>

namespace coffer {

template <class Signature>
class UniqueFunction;

template <class R, class... Args>
class UniqueFunction<R(Args...)> {
public:
    UniqueFunction() = default;

    template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, UniqueFunction> && std::is_invocable_r_v<R, F&, Args...>)
        UniqueFunction(F&& f)  // NOLINT(google-explicit-constructor): converts as std::function does
        : callable_(std::make_unique<Holder<std::remove_cvref_t<F>>>(std::forward<F>(f))) {}

    [[nodiscard]] explicit operator bool() const noexcept { return callable_ != nullptr; }

    /// Calls the function. Must not be empty.
    R operator()(Args... args) { return callable_->call(std::forward<Args>(args)...); }

private:
    struct Callable {
        virtual ~Callable() = default;
        virtual R call(Args... args) = 0;
    };
    template <class F>
    struct Holder final : Callable {
        template <class G>
        explicit Holder(G&& g) : f(std::forward<G>(g)) {}
        R call(Args... args) override { return f(std::forward<Args>(args)...); }
        F f;
    };
    std::unique_ptr<Callable> callable_;
};

}  // namespace coffer
