#pragma once
// A record as the JSON document that is stored and sealed, and back. One form for one value: members in a
// fixed order, what is empty left out. The name is not part of it: it is the row's key.

#include <string>
#include <string_view>

#include "daemon/iam/records.hpp"

namespace coffer::iam {

[[nodiscard]] std::string to_document(const User& user);
[[nodiscard]] std::string to_document(const Group& group);
[[nodiscard]] std::string to_document(const Role& role);
[[nodiscard]] std::string to_document(const ManagedPolicy& policy);
[[nodiscard]] std::string to_document(const ListenerPolicy& policy);

/// The identities as the manifest lists them, so that they are known also when the row is not believed: a
/// certificate that was refused for matching two principals must not become the other's when one of both is
/// altered. Empty for none.
[[nodiscard]] std::string to_claims(const std::vector<Identity>& identities);
/// Throws BadDocument.
[[nodiscard]] std::vector<Identity> read_claims(std::string_view claims);

/// Throws BadDocument for what to_document() does not write: a newer version of the daemon may have.
template <class Record>
[[nodiscard]] Record read_document(std::string_view name, std::string_view document);
template <>
[[nodiscard]] User read_document<User>(std::string_view name, std::string_view document);
template <>
[[nodiscard]] Group read_document<Group>(std::string_view name, std::string_view document);
template <>
[[nodiscard]] Role read_document<Role>(std::string_view name, std::string_view document);
template <>
[[nodiscard]] ManagedPolicy read_document<ManagedPolicy>(std::string_view name, std::string_view document);
template <>
[[nodiscard]] ListenerPolicy read_document<ListenerPolicy>(std::string_view name, std::string_view document);

}  // namespace coffer::iam
