// A disk that is full, and one that fails. Full is a real small file system; failing calls are made so in
// this program, whose own definitions of them come before the C library's.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <thread>

#include "audit_fixture.hpp"
#include "daemon/audit/journal.hpp"
#include "daemon/audit/journal_directory.hpp"
#include "daemon/audit/journal_reader.hpp"
#include "daemon/audit/verifier.hpp"

namespace {

/// What the calls below do next. Counted down at each call of the kind.
struct Faults {
    std::atomic<int> failing_syncs{0};
    std::atomic<int> failing_writes{0};
    std::atomic<int> write_error{EIO};
    std::atomic<int> short_writes{0};
    std::atomic<bool> failing_truncates{false};
};
Faults faults;

bool take(std::atomic<int>& count) {
    int seen = count.load();
    while (seen > 0 && !count.compare_exchange_weak(seen, seen - 1)) {
    }
    return seen > 0;
}

}  // namespace

extern "C" {
int fdatasync(int fd) {
    if (take(faults.failing_syncs)) {
        errno = EIO;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
    if (take(faults.short_writes) && size > 1)
        size /= 2;
    else if (take(faults.failing_writes)) {
        errno = faults.write_error;
        return -1;
    }
    return ::syscall(SYS_pwrite64, fd, bytes, size, offset);
}

int ftruncate(int fd, off_t size) noexcept {
    if (faults.failing_truncates) {
        errno = EIO;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_ftruncate, fd, size));
}
}

namespace coffer::audit {
namespace {

using testing::append;
using ::testing::HasSubstr;
using testing::sample_event;
using testing::small_config;

class FaultTest : public ::testing::Test {
protected:
    FaultTest() : directory_(folder_.sub("audit")) {}
    ~FaultTest() override {
        faults.failing_syncs = 0;
        faults.failing_writes = 0;
        faults.short_writes = 0;
        faults.failing_truncates = false;
    }

    [[nodiscard]] std::unique_ptr<Journal> open(const JournalConfig& config) {
        return Journal::open(config, signer_, observer_, clock_);
    }
    void expect_good() const {
        const auto report = verify_journal(directory_, signer_->keys());
        EXPECT_TRUE(report.good()) << (report.good() ? "" : report.findings.front().message);
    }
    [[nodiscard]] bool recorded(const Event& event) const {
        JournalReader reader(directory_);
        while (const auto record = reader.next()) {
            if (record->json.find(event.event_id.text()) != std::string::npos) return true;
        }
        return false;
    }
    static void wait_until_available(const Journal& journal) {
        while (journal.refusal()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }

    testing::AuditFolder folder_;
    std::filesystem::path directory_;
    std::shared_ptr<testing::OpensslSigner> signer_ = std::make_shared<testing::OpensslSigner>();
    std::shared_ptr<testing::RecordingObserver> observer_ = std::make_shared<testing::RecordingObserver>();
    SystemClock clock_;
};

TEST_F(FaultTest, AFileThatCouldNotBeSyncedIsNotTrustedAgain) {
    const auto journal = open(small_config(directory_));
    (void)append(*journal, sample_event("a"));
    faults.failing_syncs = 1;
    auto event = sample_event("b");
    (void)append(*journal, event);  // in a new segment, without the caller's noticing
    EXPECT_EQ(journal->status().segment, 2U);
    EXPECT_TRUE(observer_->wait_for_line("abandoned"));
    journal->close();
    EXPECT_TRUE(recorded(event));
    expect_good();
}

TEST_F(FaultTest, AnAbandonedEndThatCannotBeCutIsNotRead) {
    auto lost = sample_event("lost");
    {
        const auto journal = open(small_config(directory_));
        (void)append(*journal, sample_event("a"));
        faults.failing_truncates = true;
        faults.failing_syncs = 2;  // the segment's, and the next one's header
        EXPECT_THROW((void)append(*journal, lost), AuditUnavailable);
        wait_until_available(*journal);
        auto event = sample_event("b");
        (void)append(*journal, event);
        journal->close();
        EXPECT_TRUE(recorded(event));
        EXPECT_FALSE(recorded(lost));
        const auto report = verify_journal(directory_, signer_->keys());
        EXPECT_TRUE(report.good()) << report.findings.front().message;
        EXPECT_THAT(report.notes, ::testing::Contains(HasSubstr("nothing covers them")));
    }
}

TEST_F(FaultTest, ADiskThatFailsAndComesBack) {
    const auto journal = open(small_config(directory_));
    faults.failing_syncs = 1'000'000;
    EXPECT_THROW((void)append(*journal, sample_event("a")), AuditUnavailable);
    EXPECT_THAT(*journal->refusal(), HasSubstr("Input/output error"));
    EXPECT_THROW((void)append(*journal, sample_event("b")), AuditUnavailable);
    faults.failing_syncs = 0;
    wait_until_available(*journal);
    (void)append(*journal, sample_event("c"));
    EXPECT_EQ(journal->status().refused, 2U);
    journal->close();
    expect_good();
}

TEST_F(FaultTest, ShortWritesAreContinued) {
    const auto journal = open(small_config(directory_));
    faults.short_writes = 3;
    (void)append(*journal, sample_event("a"));
    EXPECT_EQ(faults.short_writes, 0);
    EXPECT_EQ(journal->status().segment, 1U);
    journal->close();
    expect_good();
}

TEST_F(FaultTest, AWriteThatFailsHalfWay) {
    const auto journal = open(small_config(directory_));
    for (const int code : {EIO, EROFS, ENOSPC}) {
        faults.write_error = code;
        faults.short_writes = 1;
        faults.failing_writes = code == ENOSPC ? 1 : 3;
        auto event = sample_event("a");
        EXPECT_THROW((void)append(*journal, event), AuditUnavailable) << code;
        EXPECT_FALSE(recorded(event));
        wait_until_available(*journal);
        (void)append(*journal, sample_event("b"));
    }
    journal->close();
    expect_good();
}

TEST_F(FaultTest, ALimitOnTheSizeOfFilesBeginsANewSegment) {
    std::signal(SIGXFSZ, SIG_IGN);
    const auto journal = open(small_config(directory_));
    (void)append(*journal, sample_event("a"));
    faults.write_error = EFBIG;
    faults.failing_writes = 1;
    (void)append(*journal, sample_event("b"));
    EXPECT_EQ(journal->status().segment, 2U);
    journal->close();
    expect_good();
}

TEST_F(FaultTest, TheDaemonDoesNotStartOnADiskThatFails) {
    faults.failing_syncs = 1'000'000;
    EXPECT_THROW((void)open(small_config(directory_)), Error);
}

// ---- a full disk

/// A file system of one megabyte in a mount name space of its own.
class FullDiskTest : public FaultTest {
protected:
    static void SetUpTestSuite() {
        if (::unshare(CLONE_NEWNS) == 0) {
            may_mount = true;
        } else if (const auto uid = ::getuid(); ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) {
            std::ofstream("/proc/self/uid_map") << uid << " " << uid << " 1";
            may_mount = true;
        }
        if (may_mount) may_mount = ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    }

    void SetUp() override {
        if (!may_mount || ::mount("tmpfs", directory_.c_str(), "tmpfs", 0, "size=1m,mode=0700") != 0) {
            GTEST_SKIP() << "NOT TESTED: this environment allows no mount, so no disk can be filled: "
                         << std::generic_category().message(errno);
        }
        mounted_ = true;
        config_ = small_config(directory_);
        config_.reserve_bytes = 256 * 1024;
        config_.low_water_bytes = 128 * 1024;
        config_.segment_bytes_max = 128 * 1024;
    }
    void TearDown() override {
        if (mounted_) ::umount2(directory_.c_str(), MNT_DETACH);
    }

    /// Takes all space that is left with a file; its name.
    std::filesystem::path fill() {
        const auto file = directory_ / "hog";
        std::ofstream out(file, std::ios::binary | std::ios::app);
        const std::string page(4096, 'x');
        while (out.write(page.data(), 4096).flush()) {
        }
        return file;
    }

    static inline bool may_mount = false;
    bool mounted_ = false;
    JournalConfig config_;
};

TEST_F(FullDiskTest, AlarmThenRefusalThenReserveThenBack) {
    const auto journal = open(config_);
    (void)append(*journal, sample_event("a"));
    const auto hog = fill();
    // The page that the segment ends in still has room.
    bool refused = false;
    for (int i = 0; i < 100 && !refused; ++i) {
        try {
            (void)append(*journal, sample_event("b"));
        } catch (const AuditUnavailable&) {
            refused = true;
        }
    }
    EXPECT_TRUE(refused);
    // Nothing of the reserve is used yet: what must be free is resume_bytes.
    EXPECT_THAT(*journal->refusal(),
                AllOf(HasSubstr("No space left"), HasSubstr("; " + std::to_string(config_.resume_bytes) +
                                                            " bytes must be free to go on, ")));
    EXPECT_TRUE(observer_->wait_for_line("low water"));
    auto operators = sample_event("operator");
    (void)append(*journal, operators, Admission::operator_action);
    EXPECT_THROW((void)append(*journal, sample_event("c")), AuditUnavailable);
    EXPECT_TRUE(recorded(operators));
    EXPECT_LT(std::filesystem::file_size(directory_ / kReserveName), config_.reserve_bytes);

    std::filesystem::remove(hog);
    wait_until_available(*journal);
    (void)append(*journal, sample_event("d"));
    EXPECT_EQ(std::filesystem::file_size(directory_ / kReserveName), config_.reserve_bytes);
    journal->close();
    expect_good();
}

TEST_F(FullDiskTest, TheReserveEnds) {
    config_.reserve_bytes = 16 * 1024;
    const auto journal = open(config_);
    const auto hog = fill();
    bool refused = false;
    for (int i = 0; i < 1000 && !refused; ++i) {
        try {
            (void)append(*journal, sample_event("o"), Admission::operator_action);
            (void)fill();  // others take what the reserve gives up
        } catch (const AuditUnavailable&) {
            refused = true;
        }
    }
    EXPECT_TRUE(refused);
    std::filesystem::remove(hog);
    wait_until_available(*journal);
    journal->close();
    expect_good();
}

TEST_F(FullDiskTest, DoesNotStartWhereThereIsNoRoom) {
    const auto hog = fill();
    EXPECT_THAT([&] { (void)open(config_); },
                ::testing::ThrowsMessage<Error>(AllOf(HasSubstr("the audit directory " + directory_.string()),
                                                      HasSubstr("No space left"))));
    std::filesystem::remove(hog);
    open(config_)->close();
    expect_good();
}

}  // namespace
}  // namespace coffer::audit
