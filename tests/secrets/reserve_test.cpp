// The operators' reserve of the audit journal, on a disk that is full: what an operator does is recorded from
// it, and what somebody is refused is not.

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "daemon/audit/journal_directory.hpp"
#include "daemon/audit/journal_errors.hpp"
#include "service_environment.hpp"
#include "tests/support/rights.hpp"
#include "tests/support/run_coroutine.hpp"

namespace coffer::secrets {
namespace {

/// A file system of one megabyte. In a mount name space that is the calling thread's and its children's
/// alone.
class SmallDisk {
public:
    explicit SmallDisk(std::filesystem::path where) : where_(std::move(where)) {
        mounted_ = ::unshare(CLONE_NEWNS) == 0 &&
                   ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                   ::mount("tmpfs", where_.c_str(), "tmpfs", 0, "size=1m,mode=0700") == 0;
    }
    ~SmallDisk() {
        if (mounted_) ::umount2(where_.c_str(), MNT_DETACH);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

    [[nodiscard]] bool mounted() const noexcept { return mounted_; }
    void fill() const {
        std::ofstream out(where_ / "hog", std::ios::binary | std::ios::app);
        const std::string page(4096, 'x');
        while (out.write(page.data(), 4096).flush()) {
        }
    }

private:
    std::filesystem::path where_;
    bool mounted_ = false;
};

/// An operation of operators' that was answered so.
class Operation {
public:
    explicit Operation(AuditTrail& trail) : trail_(trail) {}

    /// Whether its event was written.
    bool ends_with(v1::ErrorCode code) {
        v1::Request request;
        request.mutable_list_users();
        CallContext context;
        context.record = std::make_shared<RequestRecord>();
        context.caller.rights = test::usual_rights("admin", "111122223333");
        v1::Response response;
        if (code != v1::ERROR_CODE_UNSPECIFIED) response.mutable_error()->set_code(code);
        const auto call = std::make_shared<const CallContext>(std::move(context));
        trail_.begin(*call, request, true);
        try {
            test::run_coroutine(trail_.finish(call, response, true));
            return true;
        } catch (const audit::AuditUnavailable&) {
            return false;
        }
    }

private:
    AuditTrail& trail_;
};

void check(const std::filesystem::path& directory) {
    const SmallDisk disk(directory);
    if (!disk.mounted())
        GTEST_SKIP() << "NOT TESTED: this environment allows no mount, so no disk can be filled";
    auto& node = Environment::get().node();
    const auto& clock = Environment::get().clock();
    audit::JournalConfig config;
    config.directory = directory;
    config.node = "node-1";
    config.reserve_bytes = 256 * 1024;
    config.low_water_bytes = 0;
    config.retry_interval = std::chrono::milliseconds(10);
    const auto journal = audit::Journal::open(config, nullptr, nullptr, clock);
    ChangeOutbox outbox(node.database(), *journal, node.rows(), {});
    AuditTrail trail(*journal, outbox, node.rows(), EventMaker(Node::kIdentity, "node-1", clock));
    Operation operation(trail);
    const auto reserve = [&] { return std::filesystem::file_size(directory / audit::kReserveName); };

    disk.fill();
    // The page in which the segment ends has room for a few; then the disk is full for what is refused.
    int written = 0;
    while (operation.ends_with(v1::ACCESS_DENIED) && written < 1000) ++written;
    ASSERT_LT(written, 1000);
    EXPECT_TRUE(journal->refusal().has_value());
    const auto whole = reserve();
    for (int i = 0; i < 200; ++i) EXPECT_FALSE(operation.ends_with(v1::ACCESS_DENIED));
    EXPECT_EQ(reserve(), whole);
    // What an operator really does has its event, from the reserve.
    const auto before = journal->status().sequence;
    EXPECT_TRUE(operation.ends_with(v1::ERROR_CODE_UNSPECIFIED));
    EXPECT_EQ(journal->status().sequence, before + 1);
    EXPECT_LT(reserve(), whole);
    // Also when it fails for another reason than his rights.
    EXPECT_TRUE(operation.ends_with(v1::NO_SUCH_ENTITY));
    EXPECT_FALSE(operation.ends_with(v1::ACCESS_DENIED));
    journal->close();
}

TEST(ReserveTest, WhatIsRefusedDoesNotUseIt) {
    const testing::AuditFolder folder;
    const auto directory = folder.sub("audit");
    std::thread([&] { check(directory); }).join();
}

}  // namespace
}  // namespace coffer::secrets
