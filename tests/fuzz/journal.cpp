// The content of a segment file, which whoever can write the journal's directory chooses: read, verified, and
// taken up as a daemon does that starts.

#include <stdlib.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "daemon/audit/journal_directory.hpp"
#include "daemon/audit/journal_reader.hpp"
#include "daemon/audit/recovery.hpp"
#include "daemon/audit/verifier.hpp"
#include "expect.hpp"

using namespace coffer::audit;
using coffer::fuzz::expect;

namespace {

/// A folder for the process, removed at its end.
class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "coffer-fuzz-XXXXXX").string();
        expect(::mkdtemp(name.data()) != nullptr, "a temporary folder can be made");
        path_ = name;
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

void check_reader(const std::filesystem::path& directory, std::size_t size) {
    JournalReader reader(directory);
    try {
        while (const auto record = reader.next()) {
            expect(record->offset + kRecordPrefixBytes + record->json.size() < size,
                   "a record lies in its file");
            std::string again;
            ChainState state{record->sequence - 1, {}};
            if (record->sequence > 0) append_record(again, state, record->kind, true, record->json);
        }
    } catch (const coffer::Error&) {
        return;  // refused
    }
}

void check_recovery(const std::filesystem::path& directory, std::size_t size) {
    try {
        const auto end = find_journal_end(directory);
        expect(end.has_value(), "a segment is there");
        expect(end->bytes <= size, "the journal ends within its file");
        if (end->torn) expect(end->torn->offset + end->torn->bytes == size, "the torn tail is the rest");
    } catch (const coffer::Error&) {
        return;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Folder kFolder;
    std::ofstream(kFolder.path() / segment_name(1), std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    check_reader(kFolder.path(), size);
    check_recovery(kFolder.path(), size);
    const auto report = verify_journal(kFolder.path(), CheckpointKeys());
    expect(!report.good(), "nothing that no key signed is good");
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    (void)parse_record(text);
    (void)parse_checkpoint(text);
    (void)parse_segment_header(text);
    (void)event_id_in(text);
    return 0;
}
