#include "daemon/audit/row_states.hpp"

#include <boost/json.hpp>

namespace coffer::audit {

namespace {

namespace json = boost::json;

std::string text_of(const json::object& object, json::string_view name) {
    const auto* value = object.if_contains(name);
    const auto* text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

const json::array* seals_of(const json::object& event) {
    const auto* additional = event.if_contains("additionalEventData");
    const auto* data = additional == nullptr ? nullptr : additional->if_object();
    const auto* seals = data == nullptr ? nullptr : data->if_contains("seals");
    return seals == nullptr ? nullptr : seals->if_array();
}

bool is_true(const json::object& object, json::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_bool() && value->get_bool();
}

void note_event(const json::object& event, RowState& state) {
    state.event_id = text_of(event, "eventID");
    state.event_time = text_of(event, "eventTime");
}

}  // namespace

void RowStates::take(std::string_view event_json, bool pending) {
    // Most events are reads and have none; looking for the word is much cheaper than taking them apart.
    if (event_json.find("\"seals\":[") == std::string_view::npos) return;
    boost::system::error_code error;
    const auto value = json::parse({event_json.data(), event_json.size()}, error);
    const auto* event = error ? nullptr : value.if_object();
    const auto* seals = event == nullptr ? nullptr : seals_of(*event);
    if (seals == nullptr) return;
    if (const auto id = Uuid::parse(text_of(*event, "eventID"))) {
        if (pending && journaled_.contains(*id)) return;
        if (!pending) journaled_.insert(*id);
    }
    for (const auto& each : *seals) {
        const auto* seal = each.if_object();
        if (seal != nullptr && is_true(*seal, "discarded")) {
            auto& gone = rows_[{text_of(*seal, "table"), text_of(*seal, "key")}];
            gone.discarded = true;
            gone.seal.clear();
            note_event(*event, gone);
            continue;
        }
        const auto* revision = seal == nullptr ? nullptr : seal->if_contains("revision");
        if (revision == nullptr || !revision->is_int64()) continue;
        auto& state = rows_[{text_of(*seal, "table"), text_of(*seal, "key")}];
        const auto number = revision->get_int64();
        ++state.events;
        if (state.events == 1 || number < state.first_revision) state.first_revision = number;
        if (state.events > 1 && state.revision >= number) continue;
        state.revision = number;
        if (state.discarded) continue;
        state.seal = text_of(*seal, "seal");
        note_event(*event, state);
    }
}

const RowState* RowStates::find(const RowKey& key) const {
    const auto found = rows_.find(key);
    return found == rows_.end() ? nullptr : &found->second;
}

}  // namespace coffer::audit
