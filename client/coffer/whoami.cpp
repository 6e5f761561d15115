// coffer whoami and coffer ping: is it there, and who does it take me for?

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <memory>

#include "client/coffer/columns.hpp"
#include "client/coffer/command.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/json_output.hpp"

namespace coffer::cli {

namespace {

using Clock = std::chrono::steady_clock;

std::string milliseconds_since(Clock::time_point start) {
    constexpr double kMicrosPerMilli = 1000;
    const auto passed = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
    return fmt::format("{:.1f} ms", static_cast<double>(passed.count()) / kMicrosPerMilli);
}

/// What stands after "user/" or "assumed-role/" in an ARN.
std::string name_in(const std::string& arn) {
    const auto slash = arn.find('/');
    return slash == std::string::npos ? arn : arn.substr(slash + 1);
}

void run_whoami(Context& context) {
    const Progress progress("connecting");
    const auto config = context.config();
    auto hello = context.client().hello();
    // The connection is the certificate's; requests are made as the role, or in the session.
    if (!config.role.empty() || !context.options().session_file.empty()) {
        v1::Request request;
        request.mutable_get_caller_identity();
        const auto caller = context.call_quietly(std::move(request)).get_caller_identity();
        hello.set_arn(caller.arn());
        hello.set_principal(name_in(caller.arn()));
        hello.set_account(caller.account());
    }
    if (context.options().output == "json" || context.options().output == "text") {
        boost::json::object object;
        object["Principal"] = hello.principal();
        object["Arn"] = hello.arn();
        object["Account"] = hello.account();
        object["Region"] = hello.region();
        object["Listener"] = hello.listener();
        object["Server"] = hello.server();
        object["Endpoint"] = config.endpoint();
        return print(view(context.options().output == "json" ? pretty_json(object)
                                                             : tab_separated(object, reader_of_output())));
    }
    Columns columns({"principal", hello.principal()});
    columns.add({"arn", hello.arn().empty() ? "nobody here" : hello.arn()});
    columns.add({"account", hello.account()});
    columns.add({"region", hello.region()});
    columns.add({"listener", hello.listener()});
    columns.add({"server", hello.server()});
    columns.add({"endpoint", config.endpoint()});
    columns.add({"certificate", config.cert_file.string()});
    print(columns.text());
}

/// A request that holds no operation: the daemon answers it with an error, without touching anything.
void round_trip(client::Client& client) {
    try {
        static_cast<void>(client.call(v1::Request()));
    } catch (const client::ServiceError&) {
        // An answer is an answer.
    }
}

void run_ping(Context& context, int count) {
    const Progress progress("connecting");
    const auto config = context.config();
    const auto start = Clock::now();
    const auto hello = context.client().hello();
    print(fmt::format("{} ({}): TCP, TLS and Hello in {}\n", config.endpoint(), hello.server(),
                      milliseconds_since(start)));
    for (int i = 0; i < count; ++i) {
        const auto sent = Clock::now();
        round_trip(context.client());
        print(fmt::format("request {}: answered in {}\n", i + 1, milliseconds_since(sent)));
    }
}

}  // namespace

void add_whoami(CLI::App& app, Commands& commands) {
    auto* verb = add_verb(app, "whoami", "Show who Coffer takes you for",
                          {"coffer whoami", "coffer whoami --output json"});
    commands.push_back({verb, [](Context& context) { run_whoami(context); }, true});
}

void add_ping(CLI::App& app, Commands& commands) {
    auto count = std::make_shared<int>(3);
    auto* verb = add_verb(app, "ping", "Measure connecting and round trips",
                          {"coffer ping", "coffer ping --count 10"});
    constexpr int kMax = 1000;
    verb->add_option("--count", *count, "round trips (3)")->check(CLI::Range(1, kMax));
    commands.push_back({verb, [count](Context& context) { run_ping(context, *count); }});
}

}  // namespace coffer::cli
