#include "daemon/key_parts.hpp"

#include <string_view>

#include "daemon/server/metrics.hpp"

namespace coffer::daemon {

namespace {

keys::RewrapOptions rewrap_options(const server::Config& config) {
    keys::RewrapOptions options;
    options.node = config.node.name;
    options.batch = config.master_keys.rewrap_batch;
    options.lanes = config.master_keys.rewrap_lanes;
    return options;
}

std::string alias(const std::string& name) {
    return "alias/" + name;
}

keys::RewrapEvents rewrap_events(const std::shared_ptr<server::Log>& log) {
    keys::RewrapEvents events;
    events.begun = [log](const std::string& key, std::uint32_t generation) {
        log->info(
            "data keys are wrapped anew under a master key's newest generation",
            {{"key", std::string_view(alias(key))}, {"generation", static_cast<std::int64_t>(generation)}});
    };
    events.ended = [log](const std::string& key, std::uint32_t generation, keys::RewrapEnd end) {
        const auto name = alias(key);
        const std::int64_t number = generation;
        if (end == keys::RewrapEnd::done) {
            log->info("nothing is wrapped under older generations of a master key any more",
                      {{"key", std::string_view(name)}, {"generation", number}});
        } else if (end == keys::RewrapEnd::failures) {
            log->error(
                "some data keys do not open and stay under older generations of a master key; DescribeKey "
                "names them",
                {{"key", std::string_view(name)}, {"generation", number}});
        }
    };
    events.paused = [log](const std::string& reason) {
        log->warning("wrapping data keys anew pauses; it goes on by itself",
                     {{"reason", std::string_view(reason)}});
    };
    return events;
}

keys::ResealEvents reseal_events(const std::shared_ptr<server::Log>& log) {
    keys::ResealEvents events;
    events.begun = [log](std::uint32_t generation) {
        log->info("rows are sealed anew under the newest generation of the seal key",
                  {{"generation", static_cast<std::int64_t>(generation)}});
    };
    events.ended = [log](std::uint32_t generation, std::int64_t failed) {
        if (failed == 0) {
            log->info("nothing is sealed under older generations of the seal key any more",
                      {{"generation", static_cast<std::int64_t>(generation)}});
        } else {
            log->error(
                "the seals of some rows are broken, and stay under older generations of the seal key; "
                "DescribeKey "
                "names them",
                {{"generation", static_cast<std::int64_t>(generation)}, {"rows", failed}});
        }
    };
    events.paused = [log](const std::string& reason) {
        log->warning("sealing rows anew pauses; it goes on by itself",
                     {{"reason", std::string_view(reason)}});
    };
    return events;
}

keys::KeyEvents key_events(const std::shared_ptr<server::Log>& log, keys::RewrapWorker& rewrap,
                           keys::ResealWorker& reseal) {
    keys::KeyEvents events;
    events.changed = [&rewrap, &reseal] {
        rewrap.wake();
        reseal.wake();
    };
    events.rotated = [log](const std::string& key, std::uint32_t generation) {
        log->info(
            "a master key was rotated by its schedule",
            {{"key", std::string_view(alias(key))}, {"generation", static_cast<std::int64_t>(generation)}});
    };
    events.deleted = [log](const std::string& key) {
        log->warning("a master key was deleted: its time had come", {{"key", std::string_view(alias(key))}});
    };
    events.missing = [log](const std::string& key, std::uint32_t generation, const std::string& under) {
        log->error(
            "the token lacks a master key: what is under it cannot be read by this node. 'coffer key verify' "
            "lists it",
            {{"key", std::string_view(alias(key))},
             {"generation", static_cast<std::int64_t>(generation)},
             {"under", std::string_view(under)}});
    };
    events.token_key_missing = [log](const std::string& alias_name, std::uint32_t generation) {
        log->error(
            "the token lacks a generation of a key that other nodes told of: what is sealed or signed "
            "under it cannot be checked or made by this node",
            {{"key", std::string_view(alias_name)}, {"generation", static_cast<std::int64_t>(generation)}});
    };
    events.kept = [log](const std::string& key, const std::string& why) {
        log->error(
            "a master key was to be deleted and is still in use; it stays. 'coffer key cancel-deletion' and "
            "'coffer key schedule-deletion' name the secrets that are under it",
            {{"key", std::string_view(alias(key))}, {"reason", std::string_view(why)}});
    };
    events.failed = [log](const std::string& what, const std::string& reason) {
        log->error("work on master keys failed; tried again",
                   {{"what", std::string_view(what)}, {"reason", std::string_view(reason)}});
    };
    return events;
}

}  // namespace

KeyParts::KeyParts(const server::Config& config, keys::KeyServiceParts parts,
                   secrets::MasterKeys& master_keys, const secrets::LeaveEvent& leave_event,
                   std::function<std::optional<storage::AuditSigner>()> journal_signer,
                   std::function<void()> derive_keys, std::shared_ptr<server::Log> log)
    : log_(std::move(log)),
      rewrap_({parts.hsm, parts.database, parts.principals, parts.clock, leave_event}, rewrap_options(config),
              config.master_keys.rewrap_per_second, rewrap_events(log_)),
      reseal_({parts.hsm, parts.database, parts.principals, parts.clock, leave_event, config.node.name},
              config.master_keys.rewrap_per_second, reseal_events(log_)),
      keeper_({parts.hsm, parts.database, master_keys, parts.principals, parts.clock, leave_event,
               config.node.name, std::move(journal_signer), std::move(derive_keys)},
              key_events(log_, rewrap_, reseal_)),
      service_([&] {
          parts.changed = [this] { keeper_.wake(); };
          return std::move(parts);
      }()) {}

std::vector<prometheus::MetricFamily> KeyParts::metrics() const {
    const auto& counters = rewrap_.counters();
    const auto number = [](auto value) { return static_cast<double>(value); };
    return {
        server::gauge_family("coffer_rewrap_running", "1 while this node wraps data keys anew.",
                             counters.running ? 1 : 0),
        server::gauge_family("coffer_rewrap_paused",
                             "1 while that waits for the database or the token to come back.",
                             counters.paused ? 1 : 0),
        server::counter_family("coffer_rewrapped_data_keys_total", "Data keys that this node wrapped anew.",
                               number(counters.done.load())),
        server::counter_family("coffer_rewrap_failures_total",
                               "Data keys that did not open when they were to be wrapped anew.",
                               number(counters.failed.load())),
        server::gauge_family("coffer_master_key_generations_missing",
                             "Registered generations of master keys that this node's token does not hold.",
                             number(keeper_.missing())),
        server::gauge_family("coffer_unreadable_versions",
                             "Versions that are under generations of master keys that this node's token does "
                             "not hold.",
                             number(keeper_.unreadable_versions())),
        server::gauge_family(
            "coffer_token_key_generations_missing",
            "Generations of the seal key and the audit key that nodes told of and this node's "
            "token does not hold.",
            number(keeper_.token_keys_missing())),
        server::gauge_family("coffer_reseal_running", "1 while this node seals rows anew.",
                             reseal_.counters().running ? 1 : 0),
        server::gauge_family("coffer_reseal_paused",
                             "1 while that waits for the database or the token to come back.",
                             reseal_.counters().paused ? 1 : 0),
        server::counter_family("coffer_resealed_rows_total", "Rows that this node sealed anew.",
                               number(reseal_.counters().done.load())),
        server::counter_family("coffer_reseal_failures_total",
                               "Rows whose seal was broken when they were to be sealed anew.",
                               number(reseal_.counters().failed.load()))};
}

void KeyParts::stop() {
    keeper_.stop();
    rewrap_.stop();
    reseal_.stop();
}

void KeyParts::close() {
    stop();
    service_.close();
}

}  // namespace coffer::daemon
