#include "daemon/audit/ship_position.hpp"

#include <sstream>

#include "daemon/audit/journal_directory.hpp"
#include "daemon/audit/posix_file.hpp"

namespace coffer::audit {

namespace {

constexpr std::string_view kFormat = "coffer-position/2";
constexpr std::size_t kFileBytesMax = 512;

std::string encode(Uuid journal, const JournalPosition& position) {
    auto text = std::string(kFormat) + " " + journal.text() + " " + std::to_string(position.segment) + " " +
                std::to_string(position.offset) + " " + std::to_string(position.sequence) + " " +
                to_text(position.chain) + " ";
    const auto digest = to_text(sha256(text));
    return text + digest + "\n";
}

}  // namespace

std::optional<JournalPosition> load_position(const std::filesystem::path& file, Uuid journal) {
    std::optional<std::string> text;
    try {
        text = read_small_file(file, kFileBytesMax);
    } catch (const Error&) {
        return std::nullopt;
    }
    if (!text) return std::nullopt;
    std::istringstream in(*text);
    std::string format;
    std::string id;
    JournalPosition position;
    std::string chain;
    if (!(in >> format >> id >> position.segment >> position.offset >> position.sequence >> chain))
        return std::nullopt;
    const auto digest = digest_from_text(chain);
    if (!digest) return std::nullopt;
    position.chain = *digest;
    if (encode(journal, position) != *text) return std::nullopt;
    return position;
}

void save_position(const std::filesystem::path& file, Uuid journal, const JournalPosition& position) {
    replace_file(file, encode(journal, position));
}

}  // namespace coffer::audit
