#pragma once
// The canonical request of AWS Signature Version 4: one spelling for everything that a client and a server
// may write differently and mean alike. (AWS, "Create a signed AWS API request", step 1.)

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/aws/sigv4_request.hpp"

namespace coffer::aws {

/// Decoded, in the order in which they were sent.
using QueryParameters = std::vector<std::pair<std::string, std::string>>;

/// AssumeRole with all that it may have (50 tags, 50 keys of tags, 10 policies) and presigned has under 200.
inline constexpr std::size_t kParametersMax = 256;

/// Takes a query apart. '+' is itself and not a blank: a signature covers the characters, and two readings of
/// one signed text must not exist. Throws RequestRefused: MalformedQueryString for a broken
/// percent-encoding; ValidationException, before anything is decoded, for more than kParametersMax.
[[nodiscard]] QueryParameters parse_query(std::string_view query);

/// RFC 3986: all but unreserved characters as %XX.
[[nodiscard]] std::string uri_encoded(std::string_view text);

/// The path with dot segments and repeated slashes removed (RFC 3986, 5.2.4), each character but '/' encoded
/// once more, as every service but S3 has it. "/" for an empty one.
[[nodiscard]] std::string canonical_path(std::string_view path);

/// Sorted by name, then value; without the parameter X-Amz-Signature.
[[nodiscard]] std::string canonical_query(const QueryParameters& parameters);

/// A header's value without blanks around it, and with one blank where several were.
[[nodiscard]] std::string canonical_value(std::string_view value);

/// "name:value\n" for each of `signed_headers` (small letters, sorted). Values of a header that came several
/// times are joined by commas. One that is not there has an empty value, which no client signs.
[[nodiscard]] std::string canonical_headers(std::span<const HttpHeader> headers,
                                            std::span<const std::string> signed_headers);

/// The whole of it. `body_hash` is the SHA-256 of the body in small hexadecimal.
[[nodiscard]] std::string canonical_request(const HttpRequestView& request, const QueryParameters& parameters,
                                            std::span<const std::string> signed_headers,
                                            std::string_view body_hash);

}  // namespace coffer::aws
