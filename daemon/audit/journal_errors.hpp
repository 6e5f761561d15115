#pragma once
// How the journal fails, to its callers.

#include "daemon/base/errors.hpp"

namespace coffer::audit {

/// Events cannot be made durable now: nothing may be answered. Passes when the fault does.
class AuditUnavailable : public Unavailable {
public:
    using Unavailable::Unavailable;
};

/// The event is longer than record_bytes_max.
class RecordTooLarge : public Error {
public:
    using Error::Error;
};

/// Another process has the journal.
class JournalLocked : public Error {
public:
    using Error::Error;
};

/// What is on the disk is not what a crash can leave behind: records that had been acknowledged are changed
/// or gone. Names the file, the byte, and what to do.
class JournalDamaged : public IntegrityError {
public:
    using IntegrityError::IntegrityError;
};

/// The directory was replaced by one that holds something else than this journal.
class ForeignDirectory : public Error {
public:
    using Error::Error;
};

}  // namespace coffer::audit
