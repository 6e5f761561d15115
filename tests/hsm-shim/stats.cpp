#include "tests/hsm-shim/stats.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "tests/hsm-shim/functions.hpp"

namespace coffer::shim {
namespace {

struct Record {
    std::array<char, 56> name;
    std::uint64_t value;
};
static_assert(sizeof(Record) == 64);

constexpr std::size_t kRecords = kFunctionCount + kGaugeCount;
constexpr std::array<std::string_view, kGaugeCount> kGaugeNames{
    "sessions_open", "sessions_peak", "failures_injected", "power_cycles", "logins_forgotten"};

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

std::string_view record_name(std::size_t record) {
    return record < kFunctionCount ? kFunctionInfo[record].name : kGaugeNames[record - kFunctionCount];
}

void* map_new_file(const std::filesystem::path& file) {
    // A file of its own under a temporary name: another process may still have the old one mapped.
    std::string temporary = file.string() + ".XXXXXX";
    const int descriptor = ::mkostemp(temporary.data(), O_CLOEXEC);
    if (descriptor < 0) fail("cannot make " + temporary);
    void* memory = MAP_FAILED;
    if (::ftruncate(descriptor, sizeof(Record) * kRecords) == 0) {
        memory =
            ::mmap(nullptr, sizeof(Record) * kRecords, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    }
    ::close(descriptor);
    if (memory == MAP_FAILED) fail("cannot map " + temporary);
    const std::span records(static_cast<Record*>(memory), kRecords);
    for (std::size_t i = 0; i < kRecords; ++i) record_name(i).copy(records[i].name.data(), 55);
    std::filesystem::rename(temporary, file);
    return memory;
}

}  // namespace

Stats::Stats(const std::filesystem::path& file) {
    if (!file.empty()) memory_ = map_new_file(file);
}

Stats::~Stats() {
    if (memory_ != nullptr) ::munmap(memory_, sizeof(Record) * kRecords);
}

std::atomic_ref<std::uint64_t> Stats::value(std::size_t record) noexcept {
    return std::atomic_ref(std::span(static_cast<Record*>(memory_), kRecords)[record].value);
}

void Stats::count_call(std::size_t function) noexcept {
    if (memory_ != nullptr) value(function).fetch_add(1, std::memory_order_relaxed);
}

void Stats::add(Gauge gauge) noexcept {
    if (memory_ != nullptr) value(kFunctionCount + static_cast<std::size_t>(gauge)).fetch_add(1);
}

void Stats::set_sessions(std::uint64_t open) noexcept {
    if (memory_ == nullptr) return;
    value(kFunctionCount + static_cast<std::size_t>(Gauge::sessions_open)).store(open);
    const auto peak = value(kFunctionCount + static_cast<std::size_t>(Gauge::sessions_peak));
    auto seen = peak.load();
    while (seen < open && !peak.compare_exchange_weak(seen, open)) {
    }
}

std::map<std::string, std::uint64_t> read_stats(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in)
        throw std::runtime_error("no counters in " + file.string() + ": the shim was not loaded with it");
    std::map<std::string, std::uint64_t> counters;
    std::array<char, sizeof(Record)> bytes{};
    while (in.read(bytes.data(), bytes.size())) {
        Record record{};
        std::memcpy(&record, bytes.data(), sizeof record);
        counters.emplace(record.name.data(), record.value);
    }
    return counters;
}

}  // namespace coffer::shim
