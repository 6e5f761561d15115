// Expected states are those that the service was recorded with (sequences of put, update and label moves),
// worked out by hand for this test's own ids.

#include "daemon/secrets/labels.hpp"

#include <gmock/gmock.h>

#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>

namespace coffer::secrets {
namespace {

using storage::StagingLabel;
using storage::StoredVersion;
using storage::ValueKind;
using storage::VersionId;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr std::int64_t kHour = 60LL * 60 * 1000;

Versions& add(Versions& versions, const std::string& id, Timestamp created = {}) {
    versions.push_back({VersionId(id), created, ValueKind::string, std::nullopt, {}, std::nullopt});
    return versions;
}

void put(Versions& versions, const std::string& id, const std::vector<std::string>& labels = {}) {
    add(versions, id);
    if (labels.empty()) return make_current(versions, VersionId(id));
    std::vector<StagingLabel> wanted(labels.begin(), labels.end());
    attach_labels(versions, VersionId(id), wanted);
}

std::vector<std::string> labels_of(const Versions& versions, const std::string& id) {
    std::vector<std::string> labels;
    for (const auto& label : find_version(versions, VersionId(id))->labels) labels.push_back(label.value());
    return labels;
}

TEST(Labels, TheFirstVersionIsCurrentAndNothingIsPrevious) {
    Versions versions;
    put(versions, "v1");
    EXPECT_THAT(labels_of(versions, "v1"), ElementsAre("AWSCURRENT"));
    EXPECT_EQ(holder_of(versions, kPrevious), nullptr);
}

TEST(Labels, APutMakesTheOldVersionPreviousAndTheOneBeforeUnlabelled) {
    Versions versions;
    put(versions, "v1");
    put(versions, "v2");
    put(versions, "v3");
    EXPECT_THAT(labels_of(versions, "v1"), IsEmpty());
    EXPECT_THAT(labels_of(versions, "v2"), ElementsAre("AWSPREVIOUS"));
    EXPECT_THAT(labels_of(versions, "v3"), ElementsAre("AWSCURRENT"));
}

TEST(Labels, APutWithLabelsMovesExactlyThese) {
    Versions versions;
    put(versions, "v1");
    put(versions, "v2", {"AWSPENDING", "PUT1"});
    put(versions, "v3", {"AWSPENDING", "PUT2"});
    EXPECT_THAT(labels_of(versions, "v1"), ElementsAre("AWSCURRENT"));
    EXPECT_THAT(labels_of(versions, "v2"), ElementsAre("PUT1"));
    EXPECT_THAT(labels_of(versions, "v3"), ElementsAre("AWSPENDING", "PUT2"));

    put(versions, "v4");
    EXPECT_THAT(labels_of(versions, "v4"), ElementsAre("AWSCURRENT"));
    EXPECT_THAT(labels_of(versions, "v1"), ElementsAre("AWSPREVIOUS"));
    EXPECT_THAT(labels_of(versions, "v3"), ElementsAre("AWSPENDING", "PUT2"));

    put(versions, "v5", {"AWSCURRENT", "PUT1"});
    EXPECT_THAT(labels_of(versions, "v5"), ElementsAre("AWSCURRENT", "PUT1"));
    EXPECT_THAT(labels_of(versions, "v4"), ElementsAre("AWSPREVIOUS"));
    EXPECT_THAT(labels_of(versions, "v1"), IsEmpty());
    EXPECT_THAT(labels_of(versions, "v2"), IsEmpty());
}

TEST(Labels, MovingCurrentOntoThePendingVersionLeavesPendingThere) {
    Versions versions;
    put(versions, "v1");
    put(versions, "v2", {"AWSPENDING"});
    attach_label(versions, VersionId("v2"), kCurrent);
    EXPECT_THAT(labels_of(versions, "v2"), UnorderedElementsAre("AWSCURRENT", "AWSPENDING"));
    EXPECT_THAT(labels_of(versions, "v1"), ElementsAre("AWSPREVIOUS"));
}

TEST(Labels, APutWithoutLabelsEndsAFinishedRotation) {
    Versions versions;
    put(versions, "v1");
    put(versions, "v2", {"AWSPENDING"});
    attach_label(versions, VersionId("v2"), kCurrent);
    put(versions, "v3");
    EXPECT_THAT(labels_of(versions, "v2"), ElementsAre("AWSPREVIOUS"));
    EXPECT_THAT(labels_of(versions, "v3"), ElementsAre("AWSCURRENT"));
    EXPECT_EQ(holder_of(versions, kPending), nullptr);
}

/// A version that is put while a rotation is under way.
void put_meanwhile(Versions& versions, const std::string& id) {
    put(versions, id);
    take_pending(versions, VersionId(id));
}

// AWS, user guide, RotationAbandoned: AWSPENDING is removed when a new version is made by hand, so that the
// next rotation can succeed.
TEST(Labels, AValuePutMeanwhileAbandonsARotation) {
    Versions versions;
    put(versions, "v1");
    put(versions, "v2", {"AWSPENDING"});
    put_meanwhile(versions, "v3");
    EXPECT_EQ(holder_of(versions, kPending), nullptr);
    EXPECT_THAT(labels_of(versions, "v2"), IsEmpty()) << "its value can be read by its id";
    EXPECT_THAT(labels_of(versions, "v1"), ElementsAre("AWSPREVIOUS"));
}

TEST(Labels, AValuePutMeanwhileRemovesAPendingVersionWithoutAValue) {
    Versions versions;
    put(versions, "v1");
    add_pending(versions, VersionId("v2"), Timestamp{});
    put_meanwhile(versions, "v3");
    EXPECT_EQ(find_version(versions, VersionId("v2")), nullptr);
    EXPECT_THAT(labels_of(versions, "v1"), ElementsAre("AWSPREVIOUS"));

    add_pending(versions, VersionId("v4"), Timestamp{});
    attach_label(versions, VersionId("v4"), "KEEP");
    put_meanwhile(versions, "v5");
    EXPECT_THAT(labels_of(versions, "v4"), ElementsAre("KEEP"));
}

TEST(Labels, AValuePutForThePendingVersionItselfLeavesItsLabel) {
    Versions versions;
    put(versions, "v1");
    add_pending(versions, VersionId("v2"), Timestamp{});
    make_current(versions, VersionId("v2"));
    take_pending(versions, VersionId("v2"));
    EXPECT_THAT(labels_of(versions, "v2"), UnorderedElementsAre("AWSCURRENT", "AWSPENDING"));
}

TEST(Labels, RollingBackSwapsCurrentAndPrevious) {
    Versions versions;
    put(versions, "v1");
    put(versions, "v2");
    attach_label(versions, VersionId("v1"), kCurrent);
    EXPECT_THAT(labels_of(versions, "v1"), ElementsAre("AWSCURRENT"));
    EXPECT_THAT(labels_of(versions, "v2"), ElementsAre("AWSPREVIOUS"));
}

TEST(Labels, RemovingACustomLabelTouchesNothingElse) {
    Versions versions;
    put(versions, "v1");
    put(versions, "v2", {"PENDING"});
    attach_label(versions, VersionId("v2"), kCurrent);
    detach_label(versions, VersionId("v2"), "PENDING");
    EXPECT_THAT(labels_of(versions, "v1"), ElementsAre("AWSPREVIOUS"));
    EXPECT_THAT(labels_of(versions, "v2"), ElementsAre("AWSCURRENT"));
}

TEST(Labels, PromotingTheOnlyPendingVersionMakesNoPrevious) {
    Versions versions;
    put(versions, "v1", {"AWSPENDING"});
    attach_label(versions, VersionId("v1"), kCurrent);
    EXPECT_THAT(labels_of(versions, "v1"), UnorderedElementsAre("AWSCURRENT", "AWSPENDING"));
    EXPECT_EQ(holder_of(versions, kPrevious), nullptr);
}

TEST(Labels, MovingALabelToItsHolderChangesNothing) {
    Versions versions;
    put(versions, "v1");
    put(versions, "v2");
    attach_label(versions, VersionId("v2"), kCurrent);
    EXPECT_THAT(labels_of(versions, "v1"), ElementsAre("AWSPREVIOUS"));
    EXPECT_THAT(labels_of(versions, "v2"), ElementsAre("AWSCURRENT"));
}

TEST(Prune, RemovesTheOldestUnlabelledBeyondAHundred) {
    Versions versions;
    const auto now = Timestamp::from_millis(1000 * kHour);
    for (int i = 0; i < 103; ++i) add(versions, "v" + std::to_string(i), Timestamp::from_millis(i));
    attach_label(versions, VersionId("v1"), "KEEP");
    EXPECT_TRUE(prune(versions, now, {}));
    ASSERT_EQ(versions.size(), 100U);
    EXPECT_EQ(versions[0].id.value(), "v1");
    EXPECT_EQ(versions[1].id.value(), "v4");
}

TEST(Prune, LeavesWhatIsKept) {
    Versions versions;
    const auto now = Timestamp::from_millis(1000 * kHour);
    for (int i = 0; i < 102; ++i) add(versions, "v" + std::to_string(i), Timestamp::from_millis(i));
    const std::vector<VersionId> kept{VersionId("v1"), VersionId("gone")};
    EXPECT_TRUE(prune(versions, now, kept));
    ASSERT_EQ(versions.size(), 100U);
    EXPECT_EQ(versions[0].id.value(), "v1");
    EXPECT_EQ(versions[1].id.value(), "v3");
}

TEST(Prune, NeverTakesAVersionOfTheLastDay) {
    Versions versions;
    const auto now = Timestamp::from_millis(1000 * kHour);
    for (int i = 0; i < 101; ++i) add(versions, "v" + std::to_string(i), now - std::chrono::hours(23));
    EXPECT_FALSE(prune(versions, now, {}));
    EXPECT_EQ(versions.size(), 101U);
}

// The model: one map from label to version, and the three sentences of AWS's documentation about
// AWSCURRENT and AWSPREVIOUS. Nothing of it is shared with the code under test.
class Model {
public:
    void attach(const std::string& to, const std::string& label) {
        const auto held = holder_.find(label);
        if (held != holder_.end() && held->second == to) return;
        if (label == "AWSCURRENT") {
            const auto previous = holder_.find("AWSPREVIOUS");
            if (held != holder_.end()) {
                holder_["AWSPREVIOUS"] = held->second;
            } else if (previous != holder_.end() && previous->second == to) {
                holder_.erase(previous);
            }
        }
        holder_[label] = to;
    }
    void put(const std::string& id, const std::vector<std::string>& labels) {
        if (labels.empty()) {
            const auto current = holder_.find("AWSCURRENT");
            const auto pending = holder_.find("AWSPENDING");
            if (current != holder_.end() && pending != holder_.end() && current->second == pending->second) {
                holder_.erase(pending);
            }
            attach(id, "AWSCURRENT");
        }
        for (const auto& label : labels) attach(id, label);
    }
    void detach(const std::string& from, const std::string& label) {
        const auto held = holder_.find(label);
        if (held != holder_.end() && held->second == from) holder_.erase(held);
    }
    [[nodiscard]] const std::map<std::string, std::string>& holders() const { return holder_; }

private:
    std::map<std::string, std::string> holder_;
};

TEST(Labels, AgreeWithTheModelOverRandomHistories) {
    const std::vector<std::string> names{"AWSCURRENT", "AWSPREVIOUS", "AWSPENDING", "A", "B"};
    for (unsigned seed = 0; seed < 300; ++seed) {
        std::mt19937 random(seed);
        const auto pick = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
        Versions versions;
        Model model;
        for (int step = 0; step < 40; ++step) {
            const std::string label = names[pick(names.size())];
            const bool adds = versions.empty() || pick(3) == 0;
            if (adds) {
                const std::string id = "v" + std::to_string(step);
                std::set<std::string> wanted;
                while (pick(2) == 0) wanted.insert(names[pick(names.size())]);
                const std::vector<std::string> labels(wanted.begin(), wanted.end());
                put(versions, id, labels);
                model.put(id, labels);
            } else {
                const auto id = versions[pick(versions.size())].id;
                if (pick(3) == 0) {
                    detach_label(versions, id, label);
                    model.detach(id.value(), label);
                } else {
                    attach_label(versions, id, label);
                    model.attach(id.value(), label);
                }
            }
            std::map<std::string, std::string> holders;
            for (const auto& version : versions) {
                for (const auto& l : version.labels) {
                    ASSERT_TRUE(holders.emplace(l.value(), version.id.value()).second)
                        << l.value() << " is on two versions";
                }
            }
            ASSERT_EQ(holders, model.holders()) << "seed " << seed << ", step " << step;
        }
    }
}

}  // namespace
}  // namespace coffer::secrets
