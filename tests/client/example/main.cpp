// Reads a secret, and says what is wrong when it cannot.
#include <coffer/client/caching_client.hpp>
#include <coffer/client/client.hpp>
#include <iostream>

int main(int argc, char** argv) {
    namespace client = coffer::client;
    if (argc != 2) {
        std::cerr << "usage: " << argv[0] << " SECRET\n";
        return 2;
    }
    try {
        // ~/.config/coffer/client.toml, and the COFFER_... variables over it.
        client::Client coffer(client::load_config());

        // The current value, in memory that is wiped when `password` goes.
        const auto password = coffer.get_secret(argv[1]);
        std::cout << "the value has " << password.size() << " bytes\n";

        // Any operation has a call of its own, with the messages of the protocol.
        coffer::v1::DescribeSecretRequest request;
        request.set_secret_id(argv[1]);
        const auto secret = coffer.describe_secret(request);
        std::cout << secret.arn() << " has " << secret.version_ids_to_stages_size() << " labelled versions\n";

        // For reading the same value over and over: at most one request in five minutes, whatever the load.
        client::CachingClient cache(coffer, {.ttl = std::chrono::minutes(5)});
        for (int i = 0; i < 1000; ++i) static_cast<void>(cache.get(argv[1]));
        return 0;
    } catch (const client::ServiceError& error) {
        std::cerr << error.name() << ": " << error.what() << "\n";
    } catch (const client::Error& error) {
        std::cerr << error.what() << "\n";
    }
    return 1;
}
