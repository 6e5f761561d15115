#include "daemon/program_runner/supervisor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

#include "daemon/program_runner/child.hpp"
#include "daemon/program_runner/processes.hpp"

namespace coffer::program_runner {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

namespace {

constexpr milliseconds kRequestPatience{10'000};
constexpr milliseconds kAnswerPatience{10'000};
/// Between SIGTERM and SIGKILL.
constexpr milliseconds kGrace{2'000};
constexpr milliseconds kKillPatience{10'000};

/// The most that a pipe can hold without privileges (fs.pipe-max-size).
constexpr std::size_t kDrainMost = 1024U * 1024;
constexpr milliseconds kDrainPatience{1'000};

[[noreturn]] void fail(const std::string& what, int error) {
    const auto words = what + ": " + std::generic_category().message(error);
    if (is_shortage(error)) throw Shortage(words);
    throw Error(words);
}

struct Pipe {
    Fd read;
    Fd write;
};

/// `ours` is the end that stays here and does not block.
Pipe make_pipe(Fd Pipe::*ours) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        fail("no pipe could be made", errno);
    }
    Pipe pipe{Fd(ends[0]), Fd(ends[1])};
    ::fcntl((pipe.*ours).get(), F_SETFL, O_NONBLOCK);
    return pipe;
}

/// A folder of a program's own, removed with what is in it.
class WorkFolder {
public:
    explicit WorkFolder(const fs::path& directory) {
        auto name = (directory / (std::string(kFolderPrefix) + "XXXXXX")).string();
        if (::mkdtemp(name.data()) == nullptr) {
            const int error = errno;
            fail("no working folder could be made in " + directory.string(), error);
        }
        path_ = name;
    }
    WorkFolder(const WorkFolder&) = delete;
    WorkFolder& operator=(const WorkFolder&) = delete;
    ~WorkFolder() { remove(); }
    [[nodiscard]] const fs::path& path() const noexcept { return path_; }

private:
    void remove() noexcept {
        std::error_code error;
        fs::remove_all(path_, error);
        if (!error) return;
        // Folders that the program closed to itself; its own may be one of them.
        std::error_code closed;
        fs::permissions(path_, fs::perms::owner_all, fs::perm_options::replace | fs::perm_options::nofollow,
                        closed);
        for (auto it = fs::recursive_directory_iterator(path_, fs::directory_options::skip_permission_denied,
                                                        error);
             !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
            std::error_code ignored;
            if (it->symlink_status(ignored).type() == fs::file_type::directory) {
                fs::permissions(it->path(), fs::perms::owner_all, ignored);
            }
        }
        fs::remove_all(path_, error);
    }
    fs::path path_;
};

/// What a program prints: all of it, up to a limit.
class Output {
public:
    /// False when it is over the limit.
    [[nodiscard]] bool add(std::span<const std::uint8_t> bytes) {
        const auto kept = bytes.first(std::min(bytes.size(), buffer_.size() - size_));
        std::ranges::copy(kept, buffer_.writable().begin() + static_cast<std::ptrdiff_t>(size_));
        size_ += kept.size();
        return kept.size() == bytes.size();
    }
    [[nodiscard]] crypto::SecretBytes take() {
        buffer_.truncate(size_);
        return std::move(buffer_);
    }

private:
    crypto::SecretBytes buffer_{kOutputMost};
    std::size_t size_ = 0;
};

/// What it says on standard error: the end of it.
class Notes {
public:
    /// False when all of it together is over the limit.
    [[nodiscard]] bool add(std::span<const std::uint8_t> bytes) {
        total_ += bytes.size();
        if (bytes.size() > kNotesMost) bytes = bytes.last(kNotesMost);
        const auto room = buffer_.writable();
        const auto kept = std::min(size_, kNotesMost - bytes.size());
        std::memmove(room.data(), room.data() + (size_ - kept), kept);
        std::ranges::copy(bytes, room.begin() + static_cast<std::ptrdiff_t>(kept));
        size_ = kept + bytes.size();
        return total_ <= kErrorsMost;
    }
    [[nodiscard]] bool cut() const noexcept { return total_ > size_; }
    [[nodiscard]] crypto::SecretBytes take() {
        buffer_.truncate(size_);
        return std::move(buffer_);
    }

private:
    crypto::SecretBytes buffer_{kNotesMost};
    std::size_t size_ = 0;
    std::size_t total_ = 0;
};

/// One run of a program.
class Run {
public:
    Run(const Program& program, const Request& request, crypto::SecretBytes input, int connection)
        : program_(program), input_(std::move(input)), connection_(connection) {
        deadline_ = Clock::now() + std::min(program.limits.time, request.timeout);
    }

    RunResult go(const fs::path& folder) {
        if (!start(folder)) return finish();
        while (!over()) wait_and_move();
        // What it started goes with it, so that the pipes end.
        ::kill(keeper_, SIGKILL);
        all_gone_ = kill_children(kKillPatience);
        // Reaped: its number may be somebody else's by now.
        keeper_ = -1;
        drain(out_, [this](auto bytes) { return output_.add(bytes); });
        drain(errors_, [this](auto bytes) { return notes_.add(bytes); });
        return finish();
    }

private:
    bool start(const fs::path& folder) {
        auto in = make_pipe(&Pipe::write);
        auto out = make_pipe(&Pipe::read);
        auto errors = make_pipe(&Pipe::read);
        auto report = make_pipe(&Pipe::read);
        const ChildPipes theirs{std::move(in.read), std::move(out.write), std::move(errors.write),
                                std::move(report.write)};
        keeper_ = start_keeper(program_, folder, theirs, [this] { input_.clear(); });
        if (keeper_ < 0) {
            const bool namespaces = program_.network == Network::none;
            refuse({Report::What::not_started, namespaces ? Report::Stage::namespaces : Report::Stage::fork,
                    errno});
            return false;
        }
        in_ = std::move(in.write);
        out_ = std::move(out.read);
        errors_ = std::move(errors.read);
        report_ = std::move(report.read);
        return true;
    }

    [[nodiscard]] bool over() const noexcept {
        return status_ || !refused_.empty() || (killing_ && Clock::now() >= *killing_);
    }

    /// Tells the program to end, and what it is told for.
    void begin_to_kill(Outcome outcome) {
        if (killing_) return;
        why_ = outcome;
        killing_ = Clock::now() + kGrace;
        if (keeper_ > 0) ::kill(keeper_, SIGTERM);
    }

    void refuse(const Report& report) {
        refused_ = words_for(report);
        shortage_ = is_shortage(report.value);
    }

    void wait_and_move() {
        std::array<pollfd, 5> all{
            pollfd{in_ ? in_.get() : -1, POLLOUT, 0}, pollfd{out_ ? out_.get() : -1, POLLIN, 0},
            pollfd{errors_ ? errors_.get() : -1, POLLIN, 0}, pollfd{report_ ? report_.get() : -1, POLLIN, 0},
            pollfd{abandoned_ ? -1 : connection_, POLLIN | POLLRDHUP, 0}};
        const auto until = killing_ ? *killing_ : deadline_;
        const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
        const auto found =
            ::poll(all.data(), all.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
        if (found < 0) return;
        if (all[4].revents != 0) {
            abandoned_ = true;
            begin_to_kill(Outcome::timed_out);
        }
        if (all[0].revents != 0) feed();
        if (all[1].revents != 0) listen(out_, [this](auto bytes) { return output_.add(bytes); });
        if (all[2].revents != 0) listen(errors_, [this](auto bytes) { return notes_.add(bytes); });
        if (all[3].revents != 0) hear_report();
        if (Clock::now() >= deadline_) begin_to_kill(Outcome::timed_out);
    }

    /// A program need not read its input.
    void feed() {
        const auto rest = input_.view().subspan(fed_);
        const auto written = rest.empty() ? 0 : ::write(in_.get(), rest.data(), rest.size());
        if (written > 0) fed_ += static_cast<std::size_t>(written);
        const bool failed = written < 0 && errno != EAGAIN && errno != EINTR;
        if (!failed && fed_ < input_.size()) return;
        in_.reset();
        input_.clear();
        fed_ = 0;
    }

    /// Reads what is there. False at the end.
    template <class Take>
    bool listen(Fd& from, Take take) {
        const auto room = piece_.writable();
        const auto got = ::read(from.get(), room.data(), room.size());
        if (got < 0) return errno == EAGAIN || errno == EINTR;
        if (got == 0) {
            from.reset();
            return false;
        }
        if (!take(std::span<const std::uint8_t>(room.data(), static_cast<std::size_t>(got)))) {
            begin_to_kill(Outcome::flooded);
        }
        return true;
    }

    void hear_report() {
        Report report;
        const auto got = ::read(report_.get(), &report, sizeof report);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got != static_cast<ssize_t>(sizeof report)) {
            // The keeper was killed by somebody else.
            report_.reset();
            if (refused_.empty() && !status_) status_ = SIGKILL;
        } else if (report.what == Report::What::not_started) {
            refuse(report);
        } else {
            status_ = report.value;
        }
    }

    /// What is left in a pipe: nobody writes into it any more, unless something could not be killed.
    template <class Take>
    void drain(Fd& from, Take take) {
        const auto until = Clock::now() + kDrainPatience;
        std::size_t drained = 0;
        const auto counted = [&](std::span<const std::uint8_t> bytes) {
            drained += bytes.size();
            return take(bytes);
        };
        while (from && drained < kDrainMost && Clock::now() < until && reads_more(from)) {
            if (!listen(from, counted)) break;
        }
    }

    static bool reads_more(const Fd& from) {
        pollfd ready{from.get(), POLLIN, 0};
        return ::poll(&ready, 1, 0) > 0;
    }

    RunResult finish() {
        RunResult result;
        result.abandoned = abandoned_;
        result.answer.notes_cut = notes_.cut();
        if (!refused_.empty()) {
            result.answer.outcome = shortage_ ? Outcome::busy : Outcome::refused;
            result.answer.detail = refused_;
            return result;
        }
        if (why_) {
            result.answer.outcome = *why_;
        } else if (WIFEXITED(*status_)) {
            result.answer.outcome = Outcome::exited;
            result.answer.code = WEXITSTATUS(*status_);
        } else {
            result.answer.outcome = Outcome::signalled;
            result.answer.code = WTERMSIG(*status_);
        }
        if (!all_gone_) result.answer.detail = "a process that it started could not be killed";
        result.output = output_.take();
        result.notes = notes_.take();
        return result;
    }

    const Program& program_;
    crypto::SecretBytes input_;
    const int connection_;
    Clock::time_point deadline_;

    pid_t keeper_ = -1;
    Fd in_, out_, errors_, report_;
    crypto::SecretBytes piece_{16'384};
    Output output_;
    Notes notes_;
    std::size_t fed_ = 0;
    std::optional<Clock::time_point> killing_;  ///< until when it may end by itself
    std::optional<Outcome> why_;                ///< it was killed
    std::optional<int> status_;
    std::string refused_;    ///< why it was not started
    bool shortage_ = false;  ///< for the moment alone
    bool abandoned_ = false;
    bool all_gone_ = true;
};

std::string outcome_words(const Answer& answer) {
    switch (answer.outcome) {
        case Outcome::exited:
            return fmt::format("exit code {}", answer.code);
        case Outcome::signalled:
            return fmt::format("ended by signal {}", answer.code);
        case Outcome::timed_out:
            return "killed: over its time";
        case Outcome::flooded:
            return "killed: it wrote too much";
        case Outcome::ready:
            return "ready";
        case Outcome::busy:
            return "busy";
        case Outcome::refused:
            break;
    }
    return "refused";
}

RunResult refusal(std::string why) {
    return {.answer = {.outcome = Outcome::refused, .detail = std::move(why)}};
}

RunResult carry_out(const Request& request, crypto::SecretBytes input, int connection,
                    const RunnerConfig& config) {
    const auto* program = config.find(request.program);
    if (program == nullptr)
        return refusal("there is no [[program]] of that name in the runner's configuration");
    if (program->kind != request.kind) {
        return refusal(
            fmt::format("its kind is \"{}\" in the runner's configuration, and \"{}\" is asked for",
                        kind_name(program->kind), kind_name(request.kind)));
    }
    if (auto trouble = trouble_with_files(*program); !trouble.empty()) return refusal(std::move(trouble));
    if (request.operation == Operation::look) {
        const int error = program->network == Network::none ? namespaces_refused() : 0;
        if (error != 0)
            return {.answer = {
                        .outcome = is_shortage(error) ? Outcome::busy : Outcome::refused,
                        .detail = words_for({Report::What::not_started, Report::Stage::namespaces, error})}};
        return {.answer = {.outcome = Outcome::ready}};
    }
    return run_program(*program, request, std::move(input), connection, config.work_directory);
}

}  // namespace

RunResult run_program(const Program& program, const Request& request, crypto::SecretBytes input,
                      int connection, const fs::path& work_directory) {
    const WorkFolder folder(work_directory);
    return Run(program, request, std::move(input), connection).go(folder.path());
}

std::string serve(const Fd& connection, const RunnerConfig& config) {
    const auto started = Clock::now();
    Request request;
    RunResult result;
    try {
        auto message = receive_message(connection.get(), started + kRequestPatience);
        request = parse_request(message.head);
        result = carry_out(request, std::move(message.body), connection.get(), config);
    } catch (const MessageError& error) {
        return fmt::format("a request was not understood: {}", error.what());
    } catch (const Shortage& shortage) {
        result.answer = {.outcome = Outcome::busy, .detail = shortage.what()};
    } catch (const Error& error) {
        result = refusal(error.what());
    }
    const auto took = std::chrono::duration_cast<milliseconds>(Clock::now() - started);
    auto line = fmt::format("program \"{}\", {}: {}, {} ms{}{}", request.program, request.step,
                            outcome_words(result.answer), took.count(),
                            result.answer.detail.empty() ? "" : ": ", result.answer.detail);
    if (result.abandoned) return line + "; whoever asked went away, so it was killed";
    try {
        send_message(connection.get(),
                     {head_of(result.answer), std::move(result.output), std::move(result.notes)},
                     Clock::now() + kAnswerPatience);
    } catch (const MessageError& error) {
        line += fmt::format("; not answered: {}", error.what());
    }
    return line;
}

}  // namespace coffer::program_runner
