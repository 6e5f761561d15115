#include "daemon/server/listener_policy.hpp"

#include <fstream>
#include <sstream>

#include "daemon/access/limits.hpp"
#include "daemon/access/malformed_policy.hpp"

namespace coffer::server {

namespace {

std::string read_document(const std::filesystem::path& file) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error)) {
        throw ListenerPolicyError("the listener policy " + file.string() +
                                  " is not there, or is no regular file that this user can reach");
    }
    if (std::filesystem::file_size(file, error) > access::kMaxDocumentBytes) {
        throw ListenerPolicyError("the listener policy " + file.string() + " has more than " +
                                  std::to_string(access::kMaxDocumentBytes) + " bytes");
    }
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    if (!in) {
        throw ListenerPolicyError("the listener policy " + file.string() +
                                  " cannot be read; check its mode and owner");
    }
    return std::move(text).str();
}

}  // namespace

access::PolicyPtr load_listener_policy(const std::filesystem::path& file, std::string name) {
    const auto text = read_document(file);
    try {
        return access::Policy::parse(text, std::move(name), {.kind = access::DocumentKind::listener});
    } catch (const access::MalformedPolicy& error) {
        throw ListenerPolicyError("the listener policy " + file.string() + " is malformed: " + error.what());
    }
}

}  // namespace coffer::server
