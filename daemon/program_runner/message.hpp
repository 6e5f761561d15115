#pragma once
// A message between cofferd and coffer-runner, over a Unix socket: three byte strings, each behind its length
// in four bytes, big-endian, the lengths first. The head is JSON and has nothing secret in it (request.hpp);
// the body is what a program reads or wrote, the notes are what it said on standard error. Either may be, or
// hold, a secret, so neither is ever in a text that is logged.

#include <chrono>
#include <cstddef>
#include <string>

#include "crypto/secret_bytes.hpp"
#include "daemon/base/errors.hpp"
#include "daemon/base/time.hpp"

namespace coffer::program_runner {

/// The other side is gone, too slow, or says what is no message.
class MessageError : public Error {
public:
    using Error::Error;
};

struct Message {
    std::string head;
    crypto::SecretBytes body{};
    crypto::SecretBytes notes{};
};

/// Of one message; whoever says more is not listened to.
inline constexpr std::size_t kHeadMost = 4'096;
/// Three secret values of 64 KiB, each in JSON, at most six characters a byte.
inline constexpr std::size_t kBodyMost = 3 * 6 * 65'536 + 16'384;
inline constexpr std::size_t kNotesMost = 16'384;

/// Sends on a connected stream socket, blocking or not. Throws MessageError.
void send_message(int socket, const Message& message, Deadline deadline);

/// Receives one. Nothing is allocated for a message that is too long. Throws MessageError.
[[nodiscard]] Message receive_message(int socket, Deadline deadline);

}  // namespace coffer::program_runner
