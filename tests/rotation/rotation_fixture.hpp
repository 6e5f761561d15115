#pragma once
// Rotations over a real token and a real database, by workers that are told when to look; the function does
// what a test says.

#include <gmock/gmock.h>

#include <atomic>
#include <boost/json/serialize.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/rotation/give_up.hpp"
#include "daemon/rotation/retry.hpp"
#include "daemon/rotation/workers.hpp"
#include "service_environment.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::rotation {

/// Makes "value-N" and is content with everything, unless it is told otherwise.
class TestFunction final : public Function {
public:
    std::function<void(Step, const StepContext&, SecretValues&)> on_step;
    std::atomic<int> created = 0;

    [[nodiscard]] std::string_view kind() const noexcept override { return "test"; }
    void run(Step step, const StepContext& context, SecretValues& values) override {
        if (on_step) return on_step(step, context, values);
        if (step != Step::create || values.pending()) return;
        values.put_pending(crypto::SecretBytes::copy_of("value-" + std::to_string(++created)));
    }
    [[nodiscard]] std::vector<Check> check(const StepContext&, SecretValues&) override { return {}; }
    /// Until when values are good, by their texts; the others do not end.
    std::map<std::string, Timestamp> ends;
    bool always_ends = false;
    /// Called whenever it is asked for the end of a value.
    std::function<void()> on_renew_by;
    [[nodiscard]] bool renews() const noexcept override { return always_ends || !ends.empty(); }
    [[nodiscard]] std::optional<Timestamp> renew_by(const crypto::SecretBytes& value) const override {
        if (on_renew_by) on_renew_by();
        const auto found = ends.find(std::string(value.text()));
        return found == ends.end() ? std::nullopt : std::optional(found->second);
    }
};

/// A version's id with its one label, as labels_of() has them.
inline std::pair<const std::string, std::vector<std::string>> version_with(const std::string& version,
                                                                           const std::string& label) {
    return {version, {label}};
}

class RotationFixture : public ::testing::Test {
protected:
    void SetUp() override {
        workers_ = make_workers(node());
        node().rotate_with(workers_.get());
    }
    void TearDown() override {
        node().rotate_with(nullptr);
        // What this test left is not the next one's.
        environment().execute(
            "WITH gone AS (DELETE FROM rotations) UPDATE rotation_control SET paused = false");
    }

    static secrets::Environment& environment() { return secrets::Environment::get(); }
    static secrets::Node& node() { return environment().node(); }
    static secrets::TestClock& clock() { return environment().clock(); }
    TestFunction& function() { return *function_; }
    Workers& workers() { return *workers_; }
    /// Those of another node.
    Workers& second_workers() {
        if (!second_) second_ = make_workers(environment().second_node());
        return *second_;
    }
    static std::string function_arn() { return rotation::function_arn("eu-test-1", "111122223333", "test"); }
    static std::string fresh_token() { return Uuid::random().text(); }

    template <class Request>
    static auto call(const Request& request) {
        return node().call(request);
    }
    template <class Call>
    static std::string refusal_of(const Call& what) {
        try {
            what();
        } catch (const secrets::CallError& error) {
            return error.what();
        }
        return "no error";
    }
    static void execute(const std::string& sql, const std::string& name) { environment().execute(sql, name); }

    /// A new secret with this value, whose version is `token`; its name.
    static std::string stored(const std::string& value, const std::string& token = fresh_token()) {
        v1::CreateSecretRequest request;
        request.set_name("rotation/" + fresh_token());
        request.set_client_request_token(token);
        request.set_secret_string(value);
        call(request);
        return request.name();
    }
    static void put(const std::string& name, const std::string& value) {
        v1::PutSecretValueRequest request;
        request.set_secret_id(name);
        request.set_client_request_token(fresh_token());
        request.set_secret_string(value);
        call(request);
    }
    static v1::RotateSecretRequest request_for(const std::string& name) {
        v1::RotateSecretRequest request;
        request.set_secret_id(name);
        request.set_client_request_token(fresh_token());
        request.set_rotation_lambda_arn(function_arn());
        request.mutable_rotation_rules()->set_automatically_after_days(30);
        return request;
    }
    /// Asks for a rotation; its token.
    static std::string rotate(const std::string& name) { return call(request_for(name)).version_id(); }

    static v1::DescribeSecretResponse describe(const std::string& name) {
        v1::DescribeSecretRequest request;
        request.set_secret_id(name);
        return call(request);
    }
    using Labels = std::map<std::string, std::vector<std::string>>;
    static Labels labels_of(const std::string& name) {
        Labels labels;
        for (const auto& version : secret_of(name).versions) {
            for (const auto& label : version.labels) labels[version.id.value()].push_back(label.value());
        }
        return labels;
    }
    static std::string first_version(const std::string& name) {
        for (const auto& [version, labels] : labels_of(name)) {
            if (labels.front() == "AWSCURRENT") return version;
        }
        return "";
    }
    static std::string value_of(const std::string& name, const std::string& label) {
        v1::GetSecretValueRequest request;
        request.set_secret_id(name);
        request.set_version_stage(label);
        return call(request).secret_string();
    }

    /// As an operation does it that is not of the pipeline's tests.
    void write(const std::function<void(storage::WriteTransaction&)>& job) {
        RotationWrites(workers().parts())
            .run(job, {"TestOfRotations", "a test", {}, {}},
                 std::chrono::steady_clock::now() + std::chrono::seconds(30));
    }
    void give_up_now(const std::string& name) {
        write([seen = secret_of(name)](storage::WriteTransaction& tx) {
            give_up(tx, seen, true, clock().now());
        });
    }
    void retry_now(const std::string& name) {
        write([seen = secret_of(name)](storage::WriteTransaction& tx) {
            retry(tx, seen, true, clock().now());
        });
    }
    static void take_pending(const std::string& name, const std::string& version) {
        v1::UpdateSecretVersionStageRequest request;
        request.set_secret_id(name);
        request.set_version_stage("AWSPENDING");
        request.set_remove_from_version_id(version);
        call(request);
    }
    static void cancel(const std::string& name) {
        v1::CancelRotateSecretRequest request;
        request.set_secret_id(name);
        call(request);
    }

    template <class T>
    static T read(std::function<T(storage::ReadTransaction&)> job) {
        return wait_for<T>([&](Completion<T> done) {
            node().database().read<T>(
                {Priority::read, std::chrono::steady_clock::now() + std::chrono::seconds(30)}, std::move(job),
                std::move(done));
        });
    }
    /// As the database has it: what another node changed is in a node's cache a moment later.
    static storage::StoredSecret secret_of(const std::string& name) {
        return read<storage::StoredSecret>(
            [&](storage::ReadTransaction& tx) { return storage::SecretRepository::find(tx, name).value(); });
    }
    static storage::SecretId id_of(const std::string& name) { return secret_of(name).id; }
    static storage::RotationTask task_of(const std::string& name) {
        return read<storage::RotationTask>([&, id = id_of(name)](storage::ReadTransaction& tx) {
            return storage::RotationRepository::find(tx, id).value();
        });
    }
    /// Of the rotations that ended, the newest first.
    static std::vector<std::string> outcomes_of(const std::string& name) {
        using Outcomes = std::vector<std::string>;
        return read<Outcomes>([&, id = id_of(name)](storage::ReadTransaction& tx) {
            Outcomes outcomes;
            for (const auto& run : storage::RotationRepository::runs(tx, id)) outcomes.push_back(run.outcome);
            return outcomes;
        });
    }
    /// As if the node that has it had not been heard of for the length of the lease.
    static void end_lease(const std::string& name) {
        execute(
            "UPDATE rotations SET leased_until = now() - interval '1 second' "
            "WHERE secret_id = (SELECT id FROM secrets WHERE name = $1)",
            name);
    }
    /// Names of the events that concern the secret since its rotation with this token was asked for, with
    /// their steps.
    static std::vector<std::string> events_about(const std::string& name, const std::string& token) {
        const auto arn = describe(name).arn();
        std::vector<std::string> names;
        for (const auto& event : node().events()) {
            const auto text = boost::json::serialize(event);
            if (text.find(token) == std::string::npos || text.find(arn) == std::string::npos) continue;
            std::string line(event.at("eventName").as_string());
            const auto* details = event.at("additionalEventData").as_object().if_contains("details");
            const auto* step = details != nullptr ? details->as_object().if_contains("Step") : nullptr;
            if (step != nullptr) line += " " + std::string(step->as_string());
            names.push_back(std::move(line));
        }
        return names;
    }

    /// The workers get other ones, in place of none.
    void restrain(Restraints restraints) {
        restraints_ = std::move(restraints);
        auto before = std::exchange(workers_, make_workers(node()));
        node().rotate_with(workers_.get());
    }

    /// The workers, of which there are two, get ones whose function has this limit, and that begin so far
    /// apart; and another function.
    void limit(unsigned at_once, std::chrono::nanoseconds apart) {
        at_once_ = at_once;
        worker_settings_.apart = apart;
        worker_settings_.workers = 2;
        auto before = std::exchange(workers_, make_workers(node()));
        node().rotate_with(workers_.get());
    }
    /// The workers get ones that make up for missed windows within this time, in place of at once.
    void spread_missed(std::chrono::milliseconds time) {
        worker_settings_.retry.missed_spread = time;
        auto before = std::exchange(workers_, make_workers(node()));
        node().rotate_with(workers_.get());
    }
    TestFunction& other_function() { return *other_function_; }
    static std::string other_function_arn() {
        return rotation::function_arn("eu-test-1", "111122223333", "other");
    }

    /// The secrets of which it was told that their rotation failed, as often as it was.
    const std::vector<std::string>& final_failures() const { return final_failures_; }

    /// Called when a value that nobody can get a second time waits to be stored.
    std::function<void(const std::string& reason)> on_hold = [](const std::string&) {};

    bool overtaken_ = false;

private:
    std::unique_ptr<Workers> make_workers(secrets::Node& of) {
        FunctionSet functions;
        functions.add({.name = "test",
                       .arn = function_arn(),
                       .description = "",
                       .at_once = at_once_,
                       .function = function_});
        functions.add(
            {.name = "other", .arn = other_function_arn(), .description = "", .function = other_function_});
        auto settings = worker_settings_;
        settings.retry.attempts = 3;
        return std::make_unique<Workers>(
            RotationParts{of.hsm(), of.database(), of.master_keys(), clock(), &of.trail(), of.name(),
                          [this](const auto&, const std::string& reason) { on_hold(reason); }},
            std::move(functions), restraints_, settings,
            RunnerEvents{.succeeded = [](const auto&) {},
                         .rotated = {},
                         .failed =
                             [this](const auto& name, auto, const auto&, bool final) {
                                 if (!final) return;
                                 const std::lock_guard lock(final_failures_mutex_);
                                 final_failures_.push_back(name);
                             },
                         .left = [](const auto&, const auto&) {},
                         .interrupted = [](const auto&, const auto&) {}});
    }

    std::mutex final_failures_mutex_;  // workers may have threads
    std::vector<std::string> final_failures_;
    Restraints restraints_;
    unsigned at_once_ = 0;
    WorkerSettings worker_settings_{.retry = {.missed_spread = std::chrono::milliseconds(0)}};
    std::shared_ptr<TestFunction> other_function_ = std::make_shared<TestFunction>();
    std::shared_ptr<TestFunction> function_ = std::make_shared<TestFunction>();
    std::unique_ptr<Workers> workers_;
    std::unique_ptr<Workers> second_;
};

}  // namespace coffer::rotation
