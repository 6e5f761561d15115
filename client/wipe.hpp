#pragma once
// Overwriting secret values in messages before their memory is given back.

#include <google/protobuf/message.h>

#include <utility>

namespace coffer::client {

/// Overwrites and clears every field that the schema marks as sensitive (secret values, passwords, tokens of
/// rotations), also in messages within. Other fields stay.
void wipe(google::protobuf::Message& message);

/// Whether messages of this type have sensitive fields.
[[nodiscard]] bool holds_secrets(const google::protobuf::Descriptor& type);

/// A message whose secrets are wiped when it goes out of scope. Move-only.
template <class M>
class Wiped {
public:
    explicit Wiped(M message) : message_(std::move(message)) {}
    Wiped(Wiped&& other) noexcept : message_(std::move(other.message_)) {}
    Wiped(const Wiped&) = delete;
    Wiped& operator=(const Wiped&) = delete;
    Wiped& operator=(Wiped&&) = delete;
    ~Wiped() { wipe(message_); }

    [[nodiscard]] M& operator*() noexcept { return message_; }
    [[nodiscard]] const M& operator*() const noexcept { return message_; }
    [[nodiscard]] M* operator->() noexcept { return &message_; }
    [[nodiscard]] const M* operator->() const noexcept { return &message_; }

private:
    M message_;
};

}  // namespace coffer::client
