#pragma once
// What memcpy leaves behind in a thread's registers.

namespace coffer {

/// Clears the vector registers of this thread: copies of 16 bytes and more go through them, and what the last
/// one left stays for as long as the thread waits, and is in a dump of the process. To be called by threads
/// that handle secrets when they have done a job. Some nanoseconds. Does nothing on other processors than
/// x86-64.
void forget_vector_registers() noexcept;

}  // namespace coffer
