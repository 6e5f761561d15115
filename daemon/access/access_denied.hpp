#pragma once
// The refusal that every front door knows.

#include "daemon/base/errors.hpp"

namespace coffer::access {

/// AWS's AccessDeniedException, with its text.
class AccessDenied : public Error {
public:
    using Error::Error;
};

}  // namespace coffer::access
