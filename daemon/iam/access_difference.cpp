#include "daemon/iam/access_difference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "daemon/audit/event.hpp"

namespace coffer::iam {

namespace json = boost::json;

namespace {

static_assert(AccessChanges::kEventBytesMax < audit::kParametersBytesMax);

std::string or_none(const std::string& text) {
    return text.empty() ? "none" : text;
}

/// Calls `visit` with each of `from` that is not in `in`; both are sorted.
template <class Visit>
void each_missing(const std::vector<std::string>& from, const std::vector<std::string>& in, Visit visit) {
    for (const auto& text : from) {
        if (!std::binary_search(in.begin(), in.end(), text)) visit(text);
    }
}

/// One statement, or another member of a document.
struct Part {
    std::string name;
    json::value value;

    [[nodiscard]] std::string text() const {
        const auto text = json::serialize(value);
        return name == "Statement" ? text : json::serialize(json::string(name)) + ":" + text;
    }
    friend bool operator==(const Part&, const Part&) = default;
};

/// The parts of a document that mean something. Without a version it has the older language ("IAM JSON policy
/// elements: Version"); that it has the newer one goes without saying.
std::vector<Part> parts_of(const std::string& document) {
    std::vector<Part> parts;
    if (document.empty()) return parts;
    json::error_code error;
    const auto value = json::parse(document, error);
    const auto* members = value.if_object();
    if (error || members == nullptr) {
        parts.push_back({"document", json::value(document)});
        return parts;
    }
    if (!members->contains("Version")) parts.push_back({"Version", json::value("2008-10-17")});
    for (const auto& member : *members) {
        const std::string name = member.key();
        const auto* statements = member.value().if_array();
        if (name == "Version" && member.value() == json::value("2012-10-17")) continue;
        if (name != "Statement" || statements == nullptr) {
            parts.push_back({name, member.value()});
            continue;
        }
        for (const auto& statement : *statements) parts.push_back({name, statement});
    }
    return parts;
}

/// Of `from`, what `in` has not, as often.
std::vector<std::string> missing(const std::vector<Part>& from, std::vector<Part> in) {
    std::vector<std::string> texts;
    for (const auto& part : from) {
        const auto same = std::find(in.begin(), in.end(), part);
        if (same == in.end()) {
            texts.push_back(part.text());
        } else {
            in.erase(same);
        }
    }
    return texts;
}

std::size_t event_bytes(const json::value& value) {
    // The event's text writes DEL as six characters.
    constexpr std::size_t kMoreOfDel = 5;
    const auto text = json::serialize(value);
    const auto dels = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\x7F'));
    return text.size() + dels * kMoreOfDel + 1;  // and a comma
}

}  // namespace

bool same_json(const std::string& a, const std::string& b) {
    if (a == b) return true;
    json::error_code error_a;
    json::error_code error_b;
    const auto value_a = json::parse(a, error_a);
    const auto value_b = json::parse(b, error_b);
    return !error_a && !error_b && value_a == value_b;
}

void AccessDifference::add(const std::string& line) {
    if (!line_.empty()) line_ += "; ";
    line_ += line;
}

void AccessDifference::text(std::string_view name, const std::string& was, const std::string& is) {
    if (was == is) return;
    add(fmt::format("{}: {} -> {}", name, or_none(was), or_none(is)));
    auto& member = members_.emplace_back();
    member.set_member(std::string(name));
    if (!was.empty()) member.add_removed(was);
    if (!is.empty()) member.add_added(is);
}

void AccessDifference::list(std::string_view name, std::vector<std::string> was,
                            std::vector<std::string> is) {
    std::sort(was.begin(), was.end());
    std::sort(is.begin(), is.end());
    v1::AccessDifference member;
    std::string parts;
    each_missing(is, was, [&](const std::string& text) {
        parts += " +" + text;
        member.add_added(text);
    });
    each_missing(was, is, [&](const std::string& text) {
        parts += " -" + text;
        member.add_removed(text);
    });
    if (parts.empty()) return;
    add(fmt::format("{}:{}", name, parts));
    member.set_member(std::string(name));
    members_.push_back(std::move(member));
}

void AccessDifference::document(std::string_view name, const std::string& was, const std::string& is) {
    if (same_json(was, is)) return;
    add(fmt::format("{}: {}", name, was.empty() ? "new" : is.empty() ? "deleted" : "changed"));
    add_document(std::string(name), was, is);
}

void AccessDifference::policies(const InlinePolicies& was, const InlinePolicies& is) {
    std::string parts;
    const auto tell = [&](std::string_view sign, const std::string& name, const std::string& before,
                          const std::string& after) {
        parts += fmt::format(" {}{}", sign, name);
        add_document("inline policy " + name, before, after);
    };
    for (const auto& [name, text] : is) {
        const auto before = was.find(name);
        if (before == was.end()) {
            tell("+", name, "", text);
        } else if (!same_json(before->second, text)) {
            tell("~", name, before->second, text);
        }
    }
    for (const auto& [name, text] : was) {
        if (!is.contains(name)) tell("-", name, text, "");
    }
    if (!parts.empty()) add("inline policies:" + parts);
}

void AccessDifference::add_document(std::string name, const std::string& was, const std::string& is) {
    const auto before = parts_of(was);
    const auto after = parts_of(is);
    auto& member = members_.emplace_back();
    member.set_member(name);
    member.set_is_policy_document(true);
    for (auto& text : missing(before, after)) member.add_removed(std::move(text));
    for (auto& text : missing(after, before)) member.add_added(std::move(text));
    if (!is.empty()) documents_.emplace_back(std::move(name), is);
}

void AccessChanges::add(const std::string& action, const std::string& entity,
                        const AccessDifference& difference) {
    auto& change = *response_.add_changes();
    change.set_action(action);
    change.set_entity(entity);
    const auto room = [&](std::size_t bytes) {
        if (answer_bytes_ + bytes > kDifferenceBytesMax) return false;
        answer_bytes_ += bytes;
        return true;
    };
    bool whole = true;
    if (!difference.line().empty()) {
        if (room(difference.line().size())) {
            change.set_detail(difference.line());
        } else {
            whole = false;
        }
    }
    for (const auto& member : difference.members()) {
        if (room(member.ByteSizeLong())) {
            *change.add_differences() = member;
        } else {
            whole = false;
        }
    }
    if (!whole) change.set_differences_omitted(true);

    json::object told{{"action", action}, {"entity", entity}};
    if (!difference.line().empty()) told["detail"] = difference.line();
    told_.push_back({std::move(told), difference.documents()});
}

void AccessChanges::tell(json::object& parameters) const {
    std::size_t bytes = 0;
    const auto room = [&](std::size_t more) {
        if (bytes + more > kEventBytesMax) return false;
        bytes += more;
        return true;
    };
    // A change without its documents is worth more than fewer changes with theirs.
    constexpr std::string_view kDocuments = "policyDocuments";
    constexpr std::size_t kListBytes = kDocuments.size() + 6;  // ,"":[]
    std::size_t documents_omitted = 0;
    std::vector<const Told*> kept;
    for (const auto& told : told_) {
        if (room(event_bytes(told.change) + kListBytes)) {
            kept.push_back(&told);
        } else {
            documents_omitted += told.documents.size();
        }
    }
    json::array changes;
    for (const auto* told : kept) {
        json::array documents;
        for (const auto& [name, text] : told->documents) {
            json::object document{{"name", name}, {"policyDocument", text}};
            if (room(event_bytes(document))) {
                documents.emplace_back(std::move(document));
            } else {
                ++documents_omitted;
            }
        }
        auto change = told->change;
        if (!documents.empty()) change[kDocuments] = std::move(documents);
        changes.emplace_back(std::move(change));
    }
    if (kept.size() < told_.size()) parameters["changesOmitted"] = told_.size() - kept.size();
    if (documents_omitted > 0) parameters["documentsOmitted"] = documents_omitted;
    parameters["changes"] = std::move(changes);
}

}  // namespace coffer::iam
