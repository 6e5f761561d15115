#pragma once
// What of a request may be shown in an audit event: CloudTrail's requestParameters. Secret values are never
// in it, whatever the request holds.

#include <google/protobuf/message.h>

#include <boost/json/object.hpp>
#include <string_view>
#include <vector>

namespace coffer::proto {

/// The members of `message` that the allow-list names, as CloudTrail spells them (AWS's names with a small
/// first letter). Left out: every member that is not on the list; every member that is marked `sensitive` or
/// has bytes, even if it were on the list (CloudTrail leaves SecretString and SecretBinary out as well); a
/// ClientRequestToken that is not 32 to 64 letters, digits and hyphens, since what somebody sends in its
/// place by mistake may be anything (a good one is shown: it is the version's id). Lists have at most 100
/// elements.
[[nodiscard]] boost::json::object request_parameters(const google::protobuf::Message& message);

/// The same for what a change answered (responseElements): arn, name, versionId and the like.
[[nodiscard]] boost::json::object response_elements(const google::protobuf::Message& message);

/// Names of the fields on the two lists, for tests that look whether each is fit to be there.
[[nodiscard]] std::vector<std::string_view> audited_fields();

}  // namespace coffer::proto
