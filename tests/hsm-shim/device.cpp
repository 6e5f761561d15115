#include "tests/hsm-shim/device.hpp"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

namespace coffer::shim {
namespace {

/// Object handles of the real modules fit into these bits (NSS uses 32, SoftHSM2 counts from 1).
constexpr unsigned kGenerationShift = 40;
/// A handle that no module gives out: the real module answers it with its own code for a bad handle.
constexpr CK_OBJECT_HANDLE kStaleHandle = 0x7fffffff;

std::string from_environment(const char* name) {
    const char* const value = std::getenv(name);
    return value != nullptr ? value : "";
}

const CK_FUNCTION_LIST* load_real_module() {
    const auto path = from_environment("COFFER_SHIM_MODULE");
    // Never closed: modules keep threads and thread-local data of their own.
    void* const library =
        ::dlopen(path.empty() ? "(COFFER_SHIM_MODULE is not set)" : path.c_str(), RTLD_NOW | RTLD_LOCAL);
    void* const symbol = library != nullptr ? ::dlsym(library, "C_GetFunctionList") : nullptr;
    CK_FUNCTION_LIST* list = nullptr;
    if (symbol == nullptr || reinterpret_cast<CK_C_GetFunctionList>(symbol)(&list) != CKR_OK) {
        const char* const reason = ::dlerror();
        std::fprintf(stderr, "hsm-shim: COFFER_SHIM_MODULE names no PKCS#11 module: %s\n",
                     reason != nullptr ? reason : path.c_str());
        return nullptr;
    }
    return list;
}

}  // namespace

std::shared_lock<std::shared_mutex> CallGate::shared() {
    const std::lock_guard turn(turnstile_);
    return std::shared_lock(calls_);
}

std::unique_lock<std::shared_mutex> CallGate::exclusive() {
    const std::lock_guard turn(turnstile_);
    return std::unique_lock(calls_);
}

Device& Device::instance() {
    static Device* const device = std::unique_ptr<Device>(new Device).release();
    return *device;
}

Device::Device()
    : control_(from_environment("COFFER_SHIM_CONTROL")),
      stats_(from_environment("COFFER_SHIM_STATS")),
      real_(load_real_module()) {
    // What the file asks for already was done to an earlier process.
    const auto rules = control_.current();
    if (rules && rules->power_cycle) power_cycle_seen_ = rules->power_cycle->number;
    if (rules) forget_login_seen_ = rules->forget_login;
}

std::shared_ptr<Rules> Device::admit(std::size_t function) {
    stats_.count_call(function);
    auto rules = refresh();
    while (rules && rules->hangs(function)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        rules = refresh();
    }
    const auto delay = rules ? rules->latency(function) : std::chrono::microseconds(0);
    if (delay.count() == 0) return rules;
    std::this_thread::sleep_for(delay);
    return refresh();  // what happened meanwhile happens to this call
}

std::shared_ptr<Rules> Device::refresh() {
    auto rules = control_.current();
    if (!rules) return rules;
    if (rules->power_cycle && rules->power_cycle->number > power_cycle_seen_)
        power_cycle(*rules->power_cycle);
    if (rules->forget_login > forget_login_seen_) forget_logins(rules->forget_login);
    return rules;
}

void Device::power_cycle(const PowerCycle& cycle) {
    const auto alone = gate_.exclusive();
    if (cycle.number <= power_cycle_seen_) return;  // another thread was first, or has read newer rules
    power_cycle_seen_ = cycle.number;
    stats_.add(Gauge::power_cycles);
    std::set<CK_SLOT_ID> slots;
    {
        const std::lock_guard lock(sessions_mutex_);
        for (const auto& [handle, session] : sessions_) slots.insert(session->slot);
    }
    for (const auto slot : slots) real_->C_CloseAllSessions(slot);
    drop_sessions();
    ++generation_;
    outage_.reset();
    if (cycle.until_initialize) {
        outage_ = Outage{cycle.code, std::nullopt};
    } else if (cycle.down.count() > 0) {
        outage_ = Outage{cycle.code, std::chrono::steady_clock::now() + cycle.down};
    }
}

void Device::forget_logins(std::uint64_t number) {
    const auto alone = gate_.exclusive();
    if (number <= forget_login_seen_) return;
    forget_login_seen_ = number;
    stats_.add(Gauge::logins_forgotten);
    const std::lock_guard lock(sessions_mutex_);
    for (const auto& [handle, session] : sessions_) {
        if (real_->C_Logout(session->real) == CKR_OK) forgotten_.insert(session->slot);
    }
    ++generation_;
}

void Device::drop_sessions() {
    const std::lock_guard lock(sessions_mutex_);
    sessions_.clear();
    forgotten_.clear();
    stats_.set_sessions(0);
}

std::optional<CK_RV> Device::outage() const {
    if (!outage_) return std::nullopt;
    if (outage_->until && std::chrono::steady_clock::now() >= *outage_->until) return std::nullopt;
    return outage_->code;
}

void Device::module_restarted() {
    drop_sessions();
    ++generation_;
    if (outage_ && !outage_->until) outage_.reset();
}

std::shared_ptr<Session> Device::find_session(CK_SESSION_HANDLE handle) {
    const std::lock_guard lock(sessions_mutex_);
    const auto found = sessions_.find(handle);
    return found != sessions_.end() ? found->second : nullptr;
}

CK_SESSION_HANDLE Device::add_session(CK_SESSION_HANDLE real, CK_SLOT_ID slot) {
    auto session = std::make_shared<Session>();
    session->real = real;
    session->slot = slot;
    const std::lock_guard lock(sessions_mutex_);
    sessions_.emplace(++last_session_, std::move(session));
    stats_.set_sessions(sessions_.size());
    return last_session_;
}

void Device::remove_session(CK_SESSION_HANDLE handle) {
    const std::lock_guard lock(sessions_mutex_);
    sessions_.erase(handle);
    stats_.set_sessions(sessions_.size());
}

void Device::remove_sessions(CK_SLOT_ID slot) {
    const std::lock_guard lock(sessions_mutex_);
    std::erase_if(sessions_, [&](const auto& entry) { return entry.second->slot == slot; });
    stats_.set_sessions(sessions_.size());
}

std::size_t Device::session_count() {
    const std::lock_guard lock(sessions_mutex_);
    return sessions_.size();
}

bool Device::login_forgotten(CK_SLOT_ID slot) {
    const std::lock_guard lock(sessions_mutex_);
    return forgotten_.contains(slot);
}

void Device::logged_in(CK_SLOT_ID slot) {
    const std::lock_guard lock(sessions_mutex_);
    forgotten_.erase(slot);
}

CK_OBJECT_HANDLE Device::to_caller(CK_OBJECT_HANDLE real) const noexcept {
    return real == CK_INVALID_HANDLE ? real : (generation_ << kGenerationShift) | real;
}

CK_OBJECT_HANDLE Device::to_real(CK_OBJECT_HANDLE handle) const noexcept {
    if (handle == CK_INVALID_HANDLE) return handle;
    if (handle >> kGenerationShift != generation_) return kStaleHandle;
    return handle & ((CK_OBJECT_HANDLE{1} << kGenerationShift) - 1);
}

}  // namespace coffer::shim
