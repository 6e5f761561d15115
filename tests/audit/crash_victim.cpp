// A process that writes a journal until it is killed: prints the eventID of each event that was acknowledged.
//
//     audit_crash_victim DIRECTORY PRIVATE_KEY_PEM

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <semaphore>
#include <string>

#include "audit_fixture.hpp"

namespace {

using namespace coffer;

constexpr int kInFlight = 16;

void write_for_ever(audit::Journal& journal) {
    std::counting_semaphore<kInFlight> room(kInFlight);
    while (true) {
        room.acquire();
        const auto event = testing::sample_event("crash");
        journal.append(event, audit::Admission::request,
                       [&room, id = event.event_id.text() + "\n"](Outcome<audit::Receipt> outcome) {
                           if (outcome.has_value() && ::write(STDOUT_FILENO, id.data(), id.size()) < 0)
                               ::_exit(1);
                           room.release();
                       });
    }
}

}  // namespace

int main(int, char** argv) {
    try {
        auto config = testing::small_config(argv[1]);
        config.segment_bytes_max = 256 * 1024;
        config.checkpoint_records = 50;
        config.checkpoint_interval = std::chrono::milliseconds(20);
        const SystemClock clock;
        const auto journal =
            audit::Journal::open(config, std::make_shared<testing::OpensslSigner>(argv[2]), nullptr, clock);
        write_for_ever(*journal);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
