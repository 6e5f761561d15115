#pragma once
// What a configuration changes, told three times: in a line and in statements to who applies it, and with the
// whole documents to the audit journal.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coffer/v1/iam.pb.h"
#include "daemon/iam/records.hpp"

namespace coffer::iam {

/// Whether two documents are the same JSON, however they are laid out. Documents that parse_policy() takes:
/// of a member that comes twice it would see one.
[[nodiscard]] bool same_json(const std::string& a, const std::string& b);

/// Collects what differs between two states of one record. An empty text is a member that is not there.
class AccessDifference {
public:
    void text(std::string_view name, const std::string& was, const std::string& is);
    /// A policy document, by its statements.
    void document(std::string_view name, const std::string& was, const std::string& is);
    /// As sets: the order does not matter.
    void list(std::string_view name, std::vector<std::string> was, std::vector<std::string> is);
    /// Inline policies, from their names to their documents.
    void policies(const InlinePolicies& was, const InlinePolicies& is);

    [[nodiscard]] bool none() const noexcept { return line_.empty(); }
    /// "groups: +ops; disabled: no -> yes"
    [[nodiscard]] const std::string& line() const noexcept { return line_; }
    /// The same, member by member.
    [[nodiscard]] const std::vector<v1::AccessDifference>& members() const noexcept { return members_; }
    /// The documents that come into force: names of members and texts.
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& documents() const noexcept {
        return documents_;
    }

private:
    void add(const std::string& line);
    void add_document(std::string name, const std::string& was, const std::string& is);

    std::string line_;
    std::vector<v1::AccessDifference> members_;
    std::vector<std::pair<std::string, std::string>> documents_;
};

/// The changes of one request, for its answer and for its event.
class AccessChanges {
public:
    /// Differences in an answer, in bytes; without them, the changes of the largest configuration that a
    /// frame of 1 MiB holds fit one as well.
    static constexpr std::size_t kDifferenceBytesMax = 256 * 1024;
    /// Changes in an event, in bytes of JSON; CloudTrail's limit of requestParameters is 100 KiB.
    static constexpr std::size_t kEventBytesMax = 96 * 1024;

    explicit AccessChanges(v1::ApplyAccessConfigurationResponse& response) : response_(response) {}

    /// `entity` as "user zed".
    void add(const std::string& action, const std::string& entity, const AccessDifference& difference);

    /// Adds `changes` to an event's requestParameters: for each the action, the entity, the line of its
    /// differences and the documents that come into force. Where that is over kEventBytesMax, changes come
    /// before their documents, and `changesOmitted` and `documentsOmitted` count what is not there.
    void tell(boost::json::object& parameters) const;

private:
    struct Told {
        boost::json::object change;
        std::vector<std::pair<std::string, std::string>> documents;
    };

    v1::ApplyAccessConfigurationResponse& response_;
    std::size_t answer_bytes_ = 0;
    std::vector<Told> told_;
};

}  // namespace coffer::iam
