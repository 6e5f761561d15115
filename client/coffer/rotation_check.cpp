#include "client/coffer/rotation_check.hpp"

#include <fmt/format.h>

#include <utility>

#include "client/coffer/columns.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/timestamp.hpp"

namespace coffer::cli {

void check_rotation(Context& context, v1::CheckRotationRequest asked) {
    v1::Request request;
    *request.mutable_check_rotation() = std::move(asked);
    const auto response = context.call(std::move(request));
    const auto& answer = response.check_rotation();
    if (!context.options().output.empty()) {
        context.show("CheckRotation", answer);
    } else {
        Columns columns({"CHECK", "OUTCOME", "MESSAGE"});
        for (const auto& check : answer.checks())
            columns.add({check.name(), check.outcome(), check.message()});
        print(columns.text());
        for (const auto window : answer.next_windows())
            print(fmt::format("window opens  {}\n", short_time(window)));
    }
    if (!answer.ready()) throw Failure("the secret cannot be rotated so; nothing was changed");
}

}  // namespace coffer::cli
