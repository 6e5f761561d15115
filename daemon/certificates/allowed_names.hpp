#pragma once
// Which names a certificate may be issued for: whoever may write a secret chooses the names in it, so that
// what is allowed has to be said elsewhere.

#include <string>
#include <string_view>
#include <vector>

#include "daemon/certificates/subject_names.hpp"

namespace coffer::certificates {

/// Patterns of names. Immutable once made; thread-safe.
///
/// | pattern                  | allows                                                             |
/// |--------------------------|--------------------------------------------------------------------|
/// | `app.example.com`        | that host name                                                     |
/// | `*.example.com`          | host names with one label before `example.com`                     |
/// | `**.example.com`         | host names with one label or more before it                        |
/// | `10.1.0.0/16`, `::1`     | IP addresses of the network, or that one                           |
/// | `spiffe://td/app/*`      | URIs: `*` is one segment of the path, `**` at the end one or more  |
/// | `*@example.com`          | mailboxes at that host; the host as above                          |
/// | `CN=app-*`               | common names; see below                                            |
///
/// A common name that is one of the certificate's other names needs no pattern. In others `*` is any text
/// without `.`, `,`, `=` and `/`; one that is an IP address, or a host name with a dot, must be allowed as such
/// as well.
///
/// Names are compared label by label and segment by segment, so that no pattern allows a name that merely
/// begins or ends alike.
class AllowedNames {
public:
    /// Throws CertificateError for a pattern that is none.
    explicit AllowedNames(const std::vector<std::string>& patterns, bool wildcards = false);

    /// `names` is as checked() gives it. Throws CertificateError that names the first one that is not
    /// allowed. A host name that begins with "*." is, where `wildcards` was set, when all names that it
    /// stands for are.
    void require(const SubjectNames& names) const;

private:
    struct Network {
        std::vector<std::uint8_t> address;
        unsigned bits = 0;
    };
    struct Uri {
        std::string scheme;
        std::string host;
        std::vector<std::string> segments;
    };
    struct Email {
        std::string mailbox;  ///< "*": any
        std::string host;
    };
    [[nodiscard]] bool allows_dns(std::string_view name) const;
    [[nodiscard]] bool allows_ip(const std::string& text) const;
    [[nodiscard]] bool allows_uri(std::string_view uri) const;
    [[nodiscard]] bool allows_email(std::string_view email) const;
    [[nodiscard]] bool allows_common_name(const SubjectNames& names) const;
    void add_network(const std::string& pattern);
    void add_uri(const std::string& pattern);

    std::vector<std::string> hosts_;
    std::vector<Network> networks_;
    std::vector<Uri> uris_;
    std::vector<Email> emails_;
    std::vector<std::string> common_names_;
    bool wildcards_ = false;
};

/// Whether the host name `name` is one that `pattern` ("app.example.com", "*.example.com",
/// "**.example.com") allows.
[[nodiscard]] bool host_matches(std::string_view name, std::string_view pattern) noexcept;

}  // namespace coffer::certificates
