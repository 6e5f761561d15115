#include "daemon/program_runner/request.hpp"

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <limits>
#include <utility>

namespace coffer::program_runner {

namespace json = boost::json;

namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::size_t kNameMost = 64;
constexpr std::size_t kStepMost = 32;
constexpr std::size_t kDetailMost = 1'000;

template <class Value, std::size_t N>
using Names = std::array<std::pair<Value, std::string_view>, N>;

constexpr Names<Operation, 2> kOperations{{{Operation::run, "run"}, {Operation::look, "look"}}};
constexpr Names<ProgramKind, 2> kKinds{{{ProgramKind::exec, "exec"}, {ProgramKind::python, "python"}}};
constexpr Names<Outcome, 7> kOutcomes{{{Outcome::exited, "exited"},
                                       {Outcome::signalled, "signalled"},
                                       {Outcome::timed_out, "timed_out"},
                                       {Outcome::flooded, "flooded"},
                                       {Outcome::ready, "ready"},
                                       {Outcome::busy, "busy"},
                                       {Outcome::refused, "refused"}}};

template <class Value, std::size_t N>
std::string_view name_of(const Names<Value, N>& names, Value value) noexcept {
    for (const auto& [each, name] : names) {
        if (each == value) return name;
    }
    return "";
}

[[noreturn]] void malformed(std::string_view member) {
    throw MessageError("the member \"" + std::string(member) + "\" is missing or wrong");
}

/// One head. Members are taken out of it; what is left at the end is unknown.
class HeadReader {
public:
    explicit HeadReader(std::string_view head) {
        boost::system::error_code failed;
        json::parse_options options;
        options.max_depth = 1;
        auto value = json::parse(json::string_view(head.data(), head.size()), failed, {}, options);
        if (failed || !value.is_object()) throw MessageError("the head is no JSON object");
        object_ = std::move(value.get_object());
        if (integer("version", kVersion, kVersion) != kVersion) malformed("version");
    }

    std::int64_t integer(std::string_view name, std::int64_t least, std::int64_t most) {
        const auto value = take(name);
        if (!value.is_int64() || value.get_int64() < least || value.get_int64() > most) malformed(name);
        return value.get_int64();
    }
    std::string text(std::string_view name, std::size_t most) {
        const auto value = take(name);
        if (!value.is_string() || value.get_string().size() > most) malformed(name);
        return {value.get_string().data(), value.get_string().size()};
    }
    bool flag(std::string_view name) {
        const auto value = take(name);
        if (!value.is_bool()) malformed(name);
        return value.get_bool();
    }
    template <class Value, std::size_t N>
    Value one_of(std::string_view name, const Names<Value, N>& names) {
        const auto given = text(name, kNameMost);
        for (const auto& [value, each] : names) {
            if (each == given) return value;
        }
        malformed(name);
    }
    void finish() const {
        if (!object_.empty()) throw MessageError("the head has members that are not known");
    }

private:
    json::value take(std::string_view name) {
        const auto found = object_.find(json::string_view(name.data(), name.size()));
        if (found == object_.end()) malformed(name);
        auto value = std::move(found->value());
        object_.erase(found);
        return value;
    }

    json::object object_;
};

bool is_letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_letter_or_digit(char c) noexcept {
    return is_letter(c) || (c >= '0' && c <= '9');
}

}  // namespace

std::string_view kind_name(ProgramKind kind) noexcept {
    return name_of(kKinds, kind);
}

bool is_program_name(std::string_view name) noexcept {
    return !name.empty() && name.size() <= kNameMost && is_letter_or_digit(name.front()) &&
           std::ranges::all_of(
               name, [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_step_name(std::string_view name) noexcept {
    return !name.empty() && name.size() <= kStepMost && std::ranges::all_of(name, is_letter);
}

std::string head_of(const Request& request) {
    return json::serialize(json::object{{"version", kVersion},
                                        {"operation", name_of(kOperations, request.operation)},
                                        {"kind", name_of(kKinds, request.kind)},
                                        {"program", request.program},
                                        {"step", request.step},
                                        {"timeout_ms", std::int64_t{request.timeout.count()}}});
}

std::string head_of(const Answer& answer) {
    return json::serialize(json::object{{"version", kVersion},
                                        {"outcome", name_of(kOutcomes, answer.outcome)},
                                        {"code", answer.code},
                                        {"detail", answer.detail.substr(0, kDetailMost)},
                                        {"notes_cut", answer.notes_cut}});
}

Request parse_request(std::string_view head) {
    HeadReader reader(head);
    Request request;
    request.operation = reader.one_of("operation", kOperations);
    request.kind = reader.one_of("kind", kKinds);
    request.program = reader.text("program", kNameMost);
    if (!is_program_name(request.program)) malformed("program");
    request.step = reader.text("step", kStepMost);
    if (!is_step_name(request.step)) malformed("step");
    request.timeout = std::chrono::milliseconds(reader.integer("timeout_ms", 1, kLongestRun.count()));
    reader.finish();
    return request;
}

Answer parse_answer(std::string_view head) {
    HeadReader reader(head);
    Answer answer;
    answer.outcome = reader.one_of("outcome", kOutcomes);
    answer.code = static_cast<int>(reader.integer("code", 0, 255));
    answer.detail = reader.text("detail", kDetailMost);
    answer.notes_cut = reader.flag("notes_cut");
    reader.finish();
    return answer;
}

}  // namespace coffer::program_runner
