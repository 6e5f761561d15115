#include "crypto/key_changes.hpp"

#include "crypto/hsm_impl.hpp"
#include "crypto/pkcs11_error.hpp"

namespace coffer::crypto {

namespace {

constexpr std::chrono::seconds kRequestRefreshInterval{1};

/// Runs `work` while the token's threads stand still. A call that failed because a session or the login is
/// gone says so as Unavailable: the token's threads find that out as well, and recover.
template <class Work>
void change_keys(Hsm& hsm, Deadline deadline, const Work& work) {
    hsm.impl().executor().exclusively(deadline, [&] {
        try {
            work(hsm.impl().token());
        } catch (const Pkcs11Error& e) {
            if (e.error_class() == ErrorClass::caller || e.error_class() == ErrorClass::fatal) {
                throw Error(e.what());
            }
            throw Unavailable(e.what());
        }
    });
}

}  // namespace

std::vector<MasterKeyRef> KeyChanges::generations() const {
    return hsm_.impl().token().generations();
}

bool KeyChanges::holds(const MasterKeyRef& ref) const {
    return hsm_.impl().token().holds(ref);
}

void KeyChanges::refresh(Deadline deadline) {
    change_keys(hsm_, deadline, [](Token& token) { token.refresh_keys(); });
}

void KeyChanges::refresh_for_request(Deadline deadline) {
    const auto now = std::chrono::steady_clock::now();
    auto last = refreshed_for_request_.load();
    const std::chrono::steady_clock::time_point before{std::chrono::steady_clock::duration(last)};
    if (last != 0 && now - before < kRequestRefreshInterval) return;
    // Whoever loses the race has it done by the winner.
    if (!refreshed_for_request_.compare_exchange_strong(last, now.time_since_epoch().count())) return;
    refresh(deadline);
}

MasterKeyRef KeyChanges::make_master_key(const std::string& name, Deadline deadline) {
    MasterKeyRef made;
    change_keys(hsm_, deadline, [&](Token& token) { made = token.make_master_key(name); });
    return made;
}

void KeyChanges::make_generation(const std::string& name, const MasterKeyRef& ref, Deadline deadline) {
    change_keys(hsm_, deadline, [&](Token& token) { token.make_generation(name, ref); });
}

void KeyChanges::destroy_generation(const MasterKeyRef& ref, Deadline deadline) {
    change_keys(hsm_, deadline, [&](Token& token) { token.destroy_generation(ref); });
}

void KeyChanges::make_seal_generation(std::uint32_t generation, Deadline deadline) {
    change_keys(hsm_, deadline, [&](Token& token) { token.make_seal_generation(generation); });
}

void KeyChanges::destroy_seal_generation(std::uint32_t generation, Deadline deadline) {
    change_keys(hsm_, deadline, [&](Token& token) { token.destroy_seal_generation(generation); });
}

void KeyChanges::make_audit_generation(std::uint32_t generation, Deadline deadline) {
    change_keys(hsm_, deadline, [&](Token& token) { token.make_audit_generation(generation); });
}

void KeyChanges::destroy_audit_generation(std::uint32_t generation, Deadline deadline) {
    change_keys(hsm_, deadline, [&](Token& token) { token.destroy_audit_generation(generation); });
}

}  // namespace coffer::crypto
