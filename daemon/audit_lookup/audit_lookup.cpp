#include "daemon/audit_lookup/audit_lookup.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <cmath>
#include <set>

#include "daemon/access/caller_keys.hpp"
#include "daemon/access/denial.hpp"
#include "daemon/access/evaluation.hpp"
#include "daemon/access/request_context.hpp"
#include "daemon/audit/event_filter.hpp"
#include "daemon/base/await.hpp"
#include "daemon/base/event_outcome.hpp"
#include "daemon/secrets/errors.hpp"
#include "daemon/secrets/request_record.hpp"

namespace coffer::audit_lookup {

using boost::asio::awaitable;
using secrets::invalid_parameter;
using storage::AuditEventPage;
using storage::AuditEventQuery;
using storage::AuditPosition;

namespace {

namespace json = boost::json;

constexpr std::int64_t kDefaultPage = 50;
/// 9999-12-31T23:59:59.999Z in milliseconds: what CloudTrail's times and PostgreSQL's both reach.
constexpr double kLatestMillis = 253'402'300'799'999.0;
/// Events of a page are left for the next one beyond this, so that the answer fits a frame.
constexpr std::size_t kPageBytesMax = std::size_t{512} * 1024;

Timestamp time_in(const char* member, double seconds) {
    const double millis = std::floor(seconds * 1000.0 + 0.5);
    if (!(millis >= 0 && millis <= kLatestMillis)) {
        throw invalid_parameter(std::string(member) +
                                " must be a time from 1970-01-01 to 9999-12-31, in seconds since 1970");
    }
    return Timestamp::from_millis(static_cast<std::int64_t>(millis));
}

bool truth_in(const std::string& value) {
    if (value != "true" && value != "false") {
        throw invalid_parameter("The value of ReadOnly must be true or false.");
    }
    return value == "true";
}

Uuid id_in(const std::string& value) {
    const auto id = Uuid::parse(value);
    if (!id) throw invalid_parameter("The value of EventId must be a UUID.");
    return *id;
}

std::string outcome_in(const std::string& value) {
    const auto outcome = event_outcome(value);
    if (!outcome) throw invalid_parameter("The value of Outcome " + unknown_outcome(value) + ".");
    return std::string(*outcome);
}

void take(const v1::LookupAttribute& attribute, AuditEventQuery& query) {
    const auto& key = attribute.attribute_key();
    const auto& value = attribute.attribute_value();
    if (key == "EventId") query.event_id = id_in(value);
    if (key == "EventName") query.name = value;
    if (key == "ReadOnly") query.read_only = truth_in(value);
    if (key == "Username") query.user_name = value;
    if (key == "ResourceName") query.secret = value;
    if (key == "EventSource") query.source = value;
    if (key == "Outcome") query.outcome = outcome_in(value);
    if (key == "Principal") query.principal = value;
}

// ---- pages ------------------------------------------------------------------------------------------------

/// What a token is good for: this caller and this query.
Bytes page_context(const secrets::CallContext& call, const v1::LookupEventsRequest& request) {
    CanonicalEncoder context("coffer/page/LookupEvents/v1");
    context.text(call.caller.principal);
    context.list(static_cast<std::size_t>(request.lookup_attributes_size()));
    for (const auto& attribute : request.lookup_attributes()) {
        context.text(attribute.attribute_key()).text(attribute.attribute_value());
    }
    const auto time = [&](bool given, const char* member, double seconds) {
        if (given) {
            context.number(time_in(member, seconds).millis());
        } else {
            context.absent();
        }
    };
    time(request.has_start_time(), "StartTime", request.start_time());
    time(request.has_end_time(), "EndTime", request.end_time());
    return context.take();
}

constexpr std::size_t kPositionBytes = 32;

void append_number(std::int64_t number, Bytes& out) {
    const auto bits = static_cast<std::uint64_t>(number);
    for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(bits >> shift));
}

std::int64_t number_at(ByteView bytes, std::size_t at) {
    std::uint64_t bits = 0;
    for (std::size_t i = at; i < at + 8; ++i) bits = bits << 8U | bytes[i];
    return static_cast<std::int64_t>(bits);
}

/// 8 bytes of time, 16 of the journal, 8 of the sequence number.
Bytes encode(const AuditPosition& position) {
    Bytes out;
    append_number(position.time.millis(), out);
    out.insert(out.end(), position.journal.bytes().begin(), position.journal.bytes().end());
    append_number(position.sequence, out);
    return out;
}

AuditPosition decode(ByteView bytes) {
    if (bytes.size() != kPositionBytes) throw secrets::invalid_next_token();
    std::array<std::uint8_t, 16> journal{};
    std::copy_n(bytes.begin() + 8, journal.size(), journal.begin());
    return {Timestamp::from_millis(number_at(bytes, 0)), Uuid(journal), number_at(bytes, 24)};
}

// ---- events -----------------------------------------------------------------------------------------------

std::string text_in(const json::object& object, json::string_view name) {
    const auto* value = object.if_contains(name);
    const auto* text = value != nullptr ? value->if_string() : nullptr;
    return text == nullptr ? std::string() : std::string(*text);
}

void add_resources(const json::object& event, v1::AuditEvent& out) {
    const auto* value = event.if_contains("resources");
    const auto* list = value != nullptr ? value->if_array() : nullptr;
    if (list == nullptr) return;
    for (const auto& element : *list) {
        if (const auto* resource = element.if_object()) {
            auto& entry = *out.add_resources();
            entry.set_resource_type(text_in(*resource, "type"));
            entry.set_resource_name(text_in(*resource, "ARN"));
        }
    }
}

/// A row that somebody made by hand may hold anything: what is no event is answered as the text that it is.
void fill(const storage::FoundAuditEvent& found, v1::AuditEvent& out) {
    out.set_event_time(found.position.time.seconds());
    out.set_cloud_trail_event(found.event);
    boost::system::error_code error;
    const auto value = json::parse(found.event, error);
    const auto* event = error ? nullptr : value.if_object();
    const auto summary = event != nullptr ? audit::summarize(*event) : std::nullopt;
    if (!summary) return;
    out.set_event_id(summary->event_id);
    out.set_event_name(summary->name);
    out.set_read_only(summary->read_only ? "true" : "false");
    out.set_event_source(summary->source);
    out.set_username(summary->user_name.empty() ? summary->principal : summary->user_name);
    add_resources(*event, out);
}

/// Answers as many events as fit; where to go on.
std::optional<AuditPosition> fill_page(const AuditEventPage& page, v1::LookupEventsResponse& answer) {
    std::size_t bytes = 0;
    std::optional<AuditPosition> last;
    for (const auto& event : page.events) {
        if (last && bytes + event.event.size() > kPageBytesMax) return last;
        bytes += event.event.size();
        fill(event, *answer.add_events());
        last = event.position;
    }
    return page.next;
}

/// Counts a search for as long as it lives.
class Searching {
public:
    explicit Searching(std::atomic<int>& count) : count_(count) {
        if (count_.fetch_add(1) < AuditLookup::kSearchesMax) return;
        count_.fetch_sub(1);
        throw Overloaded("too many searches of audit events at the same time");
    }
    ~Searching() { count_.fetch_sub(1); }
    Searching(const Searching&) = delete;
    Searching& operator=(const Searching&) = delete;

private:
    std::atomic<int>& count_;
};

}  // namespace

AuditEventQuery query_of(const v1::LookupEventsRequest& request) {
    AuditEventQuery query;
    std::set<std::string> keys;
    for (const auto& attribute : request.lookup_attributes()) {
        if (!keys.insert(attribute.attribute_key()).second) {
            throw invalid_parameter("LookupAttributes has " + attribute.attribute_key() + " more than once.");
        }
        take(attribute, query);
    }
    if (request.has_start_time()) query.since = time_in("StartTime", request.start_time());
    if (request.has_end_time()) {
        query.until = time_in("EndTime", request.end_time()) + std::chrono::milliseconds(1);
    }
    if (query.since && query.until && *query.since >= *query.until) {
        throw invalid_parameter("EndTime must not be before StartTime.");
    }
    query.most = static_cast<std::size_t>(request.has_max_results() ? request.max_results() : kDefaultPage);
    return query;
}

void AuditLookup::require(const secrets::CallContext& call) const {
    const auto& rights = *call.caller.rights;
    access::RequestContext request(rights.principal, access::Action::cloudtrail_lookup_events, "*");
    const auto now = clock_.now();
    access::set_caller_keys(request, call.caller, now);
    const auto decision = access::decide(request, call.caller.policies(nullptr));
    call.record->statement = access::describe(decision);
    if (!decision.allowed()) access::refuse(request, decision, "*", call.caller, now);
}

awaitable<AuditEventPage> AuditLookup::search(secrets::Call call, AuditEventQuery query) {
    const Searching searching(searching_);
    // Behind the reads of secrets: who looks events up can wait a little longer.
    const JobOptions options{Priority::write, call->deadline};
    auto start = [this, options, query = std::move(query)](Completion<AuditEventPage> done) mutable {
        database_.read<AuditEventPage>(
            options,
            [query = std::move(query)](storage::ReadTransaction& tx) {
                return storage::AuditEventRepository::find(tx, query);
            },
            std::move(done));
    };
    co_return co_await await_completion<AuditEventPage>(std::move(start));
}

awaitable<void> AuditLookup::perform(secrets::Call call, std::shared_ptr<const v1::Request> request,
                                     v1::Response& response) {
    require(*call);
    const auto& asked = request->lookup_events();
    auto query = query_of(asked);
    const auto context = page_context(*call, asked);
    if (asked.has_next_token()) query.after = decode(tokens_.open(asked.next_token(), context));
    auto page = co_await search(call, std::move(query));
    auto& answer = *response.mutable_lookup_events();
    const auto last = fill_page(page, answer);
    if (!events_are_added_) {
        answer.set_notice(
            "The node that answers has [audit] database = false: its events are not copied into the "
            "database, so "
            "they are not among these. They are in its journal (coffer-audit search).");
    }
    if (last) answer.set_next_token(tokens_.make(encode(*last), context));
}

}  // namespace coffer::audit_lookup
