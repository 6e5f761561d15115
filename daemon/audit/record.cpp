#include "daemon/audit/record.hpp"

#include <array>
#include <charconv>
#include <cstdio>

namespace coffer::audit {

namespace {

constexpr std::size_t kSequenceAt = 2;
constexpr std::size_t kSequenceDigits = 20;
constexpr std::size_t kChainAt = 23;
constexpr std::size_t kChainDigits = 64;

using NumberedPrefix = std::array<char, kChainAt>;

NumberedPrefix numbered_prefix(char kind, std::uint64_t sequence) {
    NumberedPrefix out{};
    out.fill('0');
    out[0] = kind;
    out[1] = ' ';
    out[kChainAt - 1] = ' ';
    for (std::size_t at = kSequenceAt + kSequenceDigits; sequence > 0; sequence /= 10) {
        out[--at] = static_cast<char>('0' + sequence % 10);
    }
    return out;
}

char letter_of(RecordKind kind, bool first_of_batch) {
    const char upper = static_cast<char>(kind);
    return first_of_batch || kind == RecordKind::header ? upper : static_cast<char>(upper - 'A' + 'a');
}

std::optional<RecordView> parse_kind(char letter) noexcept {
    RecordView view;
    view.first_of_batch = letter >= 'A' && letter <= 'Z';
    switch (letter) {
        case 'H':
            view.kind = RecordKind::header;
            return view;
        case 'E':
        case 'e':
            view.kind = RecordKind::event;
            return view;
        case 'C':
        case 'c':
            view.kind = RecordKind::checkpoint;
            return view;
        default:
            return std::nullopt;
    }
}

}  // namespace

std::optional<RecordView> parse_record(std::string_view line) noexcept {
    if (line.size() <= kRecordPrefixBytes || line.size() > kRecordPrefixBytes + kRecordJsonBytesMax) {
        return std::nullopt;
    }
    auto view = parse_kind(line[0]);
    if (!view || line[1] != ' ' || line[kChainAt - 1] != ' ' || line[kRecordPrefixBytes - 1] != ' ') {
        return std::nullopt;
    }
    const char* first = line.data() + kSequenceAt;
    const char* last = first + kSequenceDigits;
    for (const char* c = first; c != last; ++c) {
        if (*c < '0' || *c > '9') return std::nullopt;  // from_chars would take a sign
    }
    const auto [end, error] = std::from_chars(first, last, view->sequence);
    if (error != std::errc{} || end != last) return std::nullopt;
    const auto chain = digest_from_text(line.substr(kChainAt, kChainDigits));
    if (!chain) return std::nullopt;
    view->chain = *chain;
    view->json = line.substr(kRecordPrefixBytes);
    return view;
}

Digest chain_after(const Digest& before, const RecordView& record, std::uint64_t sequence) {
    const auto prefix = numbered_prefix(letter_of(record.kind, record.first_of_batch), sequence);
    return sha256({before, as_bytes({prefix.data(), prefix.size()}), as_bytes(record.json)});
}

bool follows(const ChainState& before, const RecordView& record) {
    return record.sequence == before.sequence + 1 &&
           record.chain == chain_after(before.chain, record, record.sequence);
}

void append_record(std::string& out, ChainState& state, RecordKind kind, bool first_of_batch,
                   std::string_view json) {
    const auto prefix = numbered_prefix(letter_of(kind, first_of_batch), state.sequence + 1);
    state.chain = sha256({state.chain, as_bytes({prefix.data(), prefix.size()}), as_bytes(json)});
    ++state.sequence;
    out.append(prefix.data(), prefix.size());
    out += to_text(state.chain);
    out += ' ';
    out += json;
    out += '\n';
}

}  // namespace coffer::audit
