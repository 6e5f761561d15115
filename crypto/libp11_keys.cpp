#include "crypto/libp11_keys.hpp"

#include <fmt/format.h>
#include <libp11.h>
#include <openssl/err.h>

#include <span>
#include <vector>

#include "daemon/base/errors.hpp"

namespace coffer::crypto {

struct Libp11Keys::Slots {
    explicit Slots(PKCS11_CTX* from) : context(from) {
        if (context == nullptr || PKCS11_enumerate_slots(context, &first, &count) != 0) {
            ERR_clear_error();
            throw Error("libp11 cannot list the slots of the PKCS#11 module");
        }
    }
    Slots(const Slots&) = delete;
    Slots& operator=(const Slots&) = delete;
    ~Slots() { PKCS11_release_all_slots(context, first, count); }

    [[nodiscard]] PKCS11_TOKEN* token(SlotId wanted) const {
        for (auto& slot : std::span(first, count)) {
            if (PKCS11_get_slotid_from_slot(&slot) == wanted.value()) return slot.token;
        }
        return nullptr;
    }

    PKCS11_CTX* context;
    PKCS11_SLOT* first = nullptr;  // libp11 owns the array; given back in the destructor
    unsigned count = 0;
};

void Libp11Keys::SlotsDeleter::operator()(Slots* slots) const noexcept {
    delete slots;  // NOLINT(cppcoreguidelines-owning-memory): this is the owner
}

namespace {

bool matches(const PKCS11_KEY& key, const TokenUri& uri) {
    const auto label = uri.object_label();
    const auto id = uri.object_id();
    const std::string_view key_id(reinterpret_cast<const char*>(key.id), key.id_len);
    return (label.empty() || (key.label != nullptr && label == key.label)) && (id.empty() || id == key_id);
}

}  // namespace

EvpPkeyPtr Libp11Keys::find(const Module& module, SlotId slot, const TokenUri& uri) {
    const std::lock_guard lock(mutex_);
    if (!slots_) slots_.reset(std::make_unique<Slots>(module.libp11()).release());
    PKCS11_TOKEN* token = slots_->token(slot);
    PKCS11_KEY* keys = nullptr;  // belongs to the token
    unsigned count = 0;
    if (token == nullptr || PKCS11_enumerate_keys(token, &keys, &count) != 0) {
        ERR_clear_error();
        throw Error("libp11 cannot list the private keys of the token");
    }
    std::vector<PKCS11_KEY*> found;
    for (auto& key : std::span(keys, count)) {
        if (matches(key, uri)) found.push_back(&key);
    }
    if (found.size() != 1) {
        throw Error(fmt::format("the token holds {} private keys that \"{}\" names; it must be one",
                                found.size(), uri.text()));
    }
    EvpPkeyPtr key(PKCS11_get_private_key(found.front()));
    ERR_clear_error();
    if (!key) throw Error(fmt::format("libp11 cannot use the private key \"{}\"", uri.text()));
    return key;
}

void Libp11Keys::release() noexcept {
    const std::lock_guard lock(mutex_);
    slots_.reset();
}

}  // namespace coffer::crypto
