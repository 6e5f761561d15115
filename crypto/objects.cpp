#include "crypto/objects.hpp"

#include <array>

#include "crypto/pkcs11_error.hpp"

namespace coffer::crypto {

std::vector<CK_OBJECT_HANDLE> find_objects(const Session& session, Template& wanted) {
    auto& f = session.functions();
    check("C_FindObjectsInit", f.C_FindObjectsInit(session.handle(), wanted.data(), wanted.size()));
    struct Search {
        const Session& session;
        ~Search() { session.functions().C_FindObjectsFinal(session.handle()); }
    } const search{session};

    std::vector<CK_OBJECT_HANDLE> found;
    std::array<CK_OBJECT_HANDLE, 64> batch{};
    while (true) {
        CK_ULONG count = 0;
        check("C_FindObjects", f.C_FindObjects(session.handle(), batch.data(), batch.size(), &count));
        if (count == 0) return found;
        found.insert(found.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(count));
    }
}

bool has_mechanism(const Module& module, SlotId slot, CK_MECHANISM_TYPE mechanism, CK_FLAGS flags) {
    CK_MECHANISM_INFO info{};
    const CK_RV code = module.functions().C_GetMechanismInfo(slot.value(), mechanism, &info);
    if (code == CKR_MECHANISM_INVALID) return false;
    check("C_GetMechanismInfo", code);
    return (info.flags & flags) == flags;
}

}  // namespace coffer::crypto
