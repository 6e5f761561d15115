#pragma once
// A cache in front of Client for programs that read the same few secrets over and over. Optional: a read of
// Coffer is cheap, and a cache makes a rotation be noticed late.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/client.hpp"
#include "client/config.hpp"
#include "coffer/v1/secrets.pb.h"
#include "crypto/secret_bytes.hpp"

namespace coffer::client {

/// One version of a secret as it was read. The value is wiped when the last holder lets go.
struct CachedSecret {
    std::string arn;
    std::string name;
    std::string version_id;
    std::vector<std::string> version_stages;
    double created_date = 0;  ///< epoch seconds
    bool binary = false;      ///< SecretBinary, not SecretString
    crypto::SecretBytes value;
    /// Coffer could not be reached, and this was read longer than the TTL ago.
    bool stale = false;
};

/// Thread-safe.
///
/// A value is served for CacheConfig::ttl without asking again. One request goes out for a missing value,
/// however many threads want it; they all get its outcome. When Coffer cannot be reached (a lost connection,
/// a time-out, an error that it calls retryable) a value that was read before is served for serve_stale_for
/// more, marked as stale. A refusal (no such secret, no access) is never covered up: it drops the value and
/// is thrown.
class CachingClient {
public:
    using Secret = std::shared_ptr<const CachedSecret>;
    using Source = std::function<v1::GetSecretValueResponse(const v1::GetSecretValueRequest&)>;
    using Now = std::function<std::chrono::steady_clock::time_point()>;

    /// `client` must live as long as this.
    CachingClient(Client& client, CacheConfig config);
    /// With a source of values and a clock of the caller's own. Both are called by several threads.
    CachingClient(Source source, CacheConfig config, Now now);
    CachingClient(const CachingClient&) = delete;
    CachingClient& operator=(const CachingClient&) = delete;
    ~CachingClient();

    /// The version with AWSCURRENT. Throws as Client::get_secret_value does.
    [[nodiscard]] Secret get(const std::string& secret_id);
    /// The version that `request` names. Each way to name one has an entry of its own.
    [[nodiscard]] Secret get(const v1::GetSecretValueRequest& request);

    /// Drops what is known of the secret with this id, e.g. after a login with its value failed: all versions,
    /// whether they were read by its name or its ARN. The next get() asks, also when a question that began
    /// before is not answered yet.
    void forget(const std::string& secret_id);
    void clear();
    [[nodiscard]] std::size_t size() const;

private:
    class Entries;
    std::unique_ptr<Entries> entries_;
};

}  // namespace coffer::client
