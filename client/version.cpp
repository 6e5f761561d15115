#include "client/version.hpp"

namespace coffer::client {

std::string_view version() noexcept {
    return COFFER_VERSION;
}

}  // namespace coffer::client
