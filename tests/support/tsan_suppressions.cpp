// What ThreadSanitizer must not report: races inside libraries that are not ours to mend.
// - libstdc++ counts the references of an exception that travels between threads (std::exception_ptr,
//   std::future) with atomics in a library that is not instrumented, so the thread that drops the last one
//   seems to race with the one that read the exception.
// - SoftHSM2's C_GetTokenInfo fills utcTime by gmtime(), whose result all threads share. Nothing here reads
//   utcTime.
extern "C" const char* __tsan_default_suppressions();  // NOLINT: the runtime's name
extern "C" const char* __tsan_default_suppressions() {
    return "race:std::__exception_ptr::exception_ptr::_M_release\n"
           "race_top:gmtime\n";
}
