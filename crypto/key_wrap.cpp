#include "crypto/key_wrap.hpp"

#include <fmt/format.h>

namespace coffer::crypto {

std::string to_text(const KeyWrap& wrap) {
    if (wrap.mechanism == kStandardKeyWrapMechanism) return "CKM_AES_KEY_WRAP (0x2109)";
    return fmt::format("AES Key Wrap by its vendor's number {:#x}", wrap.mechanism);
}

}  // namespace coffer::crypto
