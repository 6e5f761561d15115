#pragma once
// How cofferd ends, for scripts and service managers. The numbers are those of sysexits.h where it has one.

namespace coffer::daemon {

enum ExitCode : int {
    kExitDone = 0,
    kExitFailure = 1,        ///< something failed while running; a restart may help
    kExitUsage = 64,         ///< the command line
    kExitUnavailable = 69,   ///< the token, the database or an address cannot be used
    kExitInternal = 70,      ///< a fault in this program
    kExitNoPermission = 77,  ///< started as root
    kExitConfig = 78,        ///< the configuration file
    kExitPinRefused = 79,    ///< the token refused the PIN, or must not be asked: a restart would try again
};

}  // namespace coffer::daemon
