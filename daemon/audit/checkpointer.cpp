#include "daemon/audit/checkpointer.hpp"

#include <exception>
#include <utility>

#include "daemon/audit/journal_store.hpp"
#include "daemon/base/thread_name.hpp"

namespace coffer::audit {

namespace {

using std::chrono::steady_clock;

/// How often the number of records is looked at between two intervals.
constexpr std::chrono::milliseconds kLookInterval{100};
/// After a failure, so that a token that is away is not asked all the time.
constexpr std::chrono::seconds kPauseAfterFailure{2};

}  // namespace

Checkpointer::Checkpointer(const JournalConfig& config, const Clock& clock,
                           std::shared_ptr<CheckpointSigner> signer, JournalWriter& writer,
                           JournalQueue& queue, JournalObserver& observer,
                           const std::optional<LastCheckpoint>& previous)
    : config_(config),
      clock_(clock),
      signer_(std::move(signer)),
      writer_(writer),
      queue_(queue),
      observer_(observer),
      previous_(previous ? previous->digest : Digest{}),
      next_signer_(previous ? previous->next_signer : std::nullopt),
      signing_generation_(next_signer_ ? next_signer_->generation : 0) {
    if (!signer_) return;
    thread_ = std::thread([this] { run(); });
    name_thread(thread_, "audit-sign");
}

Checkpointer::~Checkpointer() {
    stop();
}

void Checkpointer::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    stirred_.notify_all();
    if (thread_.joinable()) thread_.join();
}

std::uint64_t Checkpointer::signed_sequence() const {
    const std::lock_guard lock(mutex_);
    return signed_sequence_;
}

std::uint32_t Checkpointer::signing_generation() const {
    const std::lock_guard lock(mutex_);
    return signing_generation_;
}

bool Checkpointer::newer_key() const {
    const std::lock_guard lock(mutex_);
    return next_signer_ && signer_->newest().name.generation > next_signer_->generation;
}

bool Checkpointer::due(std::uint64_t durable, Deadline last) const {
    const std::lock_guard lock(mutex_);
    if (durable <= own_sequence_) return false;  // nothing but the last checkpoint itself
    return signed_sequence_ == 0 || durable - signed_sequence_ >= config_.checkpoint_records ||
           steady_clock::now() - last >= config_.checkpoint_interval;
}

void Checkpointer::run() {
    auto last = steady_clock::now();
    auto pause_until = last;
    while (true) {
        {
            std::unique_lock lock(mutex_);
            if (stirred_.wait_for(lock, std::min(kLookInterval, config_.checkpoint_interval),
                                  [this] { return stopping_; })) {
                return;
            }
        }
        if (steady_clock::now() < pause_until) continue;
        try {
            if (!due(writer_.durable().sequence, last) && !newer_key()) continue;
            write_now(false);
            last = steady_clock::now();
        } catch (const std::exception& error) {
            pause_until = steady_clock::now() + kPauseAfterFailure;
            observer_.checkpoint_failed(error.what());
        }
    }
}

void Checkpointer::write_now(bool closing) {
    if (!signer_) throw Error("there is no key to sign checkpoints with");
    const std::lock_guard writing(write_mutex_);
    const auto newest = signer_->newest();
    if (!next_signer_ || *next_signer_ != newest.name) change_key(newest);
    write(closing, {});
}

/// From here on `newest` signs. Where it follows on another key, that one introduces it: the journal can be
/// followed from one public key to the next.
void Checkpointer::change_key(const SigningKey& newest) {
    if (next_signer_) {
        const auto present = signer_->find(next_signer_->generation);
        if (newest.name.generation > next_signer_->generation && present && present->name == *next_signer_) {
            return write(false, newest);
        }
        if (newest.name.generation < next_signer_->generation) {
            // A copy of the token that is behind. An older key signs nothing more.
            throw Error("the token does not hold generation " + std::to_string(next_signer_->generation) +
                        " of the audit key, which signs this journal; it holds generation " +
                        std::to_string(newest.name.generation));
        }
        observer_.incident("the audit key that signed this journal (generation " +
                           std::to_string(next_signer_->generation) + ", " + to_text(next_signer_->id) +
                           ") is not in the token any more, so nothing of it introduces generation " +
                           std::to_string(newest.name.generation) + " (" + to_text(newest.name.id) +
                           "), which signs from now on; coffer-audit verify needs both public keys");
    }
    const std::lock_guard lock(mutex_);
    next_signer_ = newest.name;
}

/// Signs, with the key whose turn it is, for all that is durable, and writes that.
void Checkpointer::write(bool closing, std::optional<SigningKey> successor) {
    Checkpoint checkpoint;
    checkpoint.journal = writer_.journal();
    checkpoint.node = config_.node;
    checkpoint.state = writer_.durable();
    checkpoint.previous = previous_;
    checkpoint.time = clock_.now();
    checkpoint.closing = closing;
    checkpoint.successor = std::move(successor);
    checkpoint.signer = next_signer_.value();
    checkpoint.signature = signer_->sign(checkpoint.signer.generation, signed_digest(checkpoint));
    const auto json = to_json(checkpoint);
    const auto receipt = wait_for<Receipt>([&](Completion<Receipt> done) {
        queue_.push_internal({RecordKind::checkpoint, Admission::operator_action, json, std::move(done)});
    });
    // In the journal: the next one continues it, whether or not the head file can be written.
    previous_ = sha256(json);
    {
        const std::lock_guard lock(mutex_);
        next_signer_ = checkpoint.next_signer();
        signing_generation_ = next_signer_->generation;
        signed_sequence_ = checkpoint.state.sequence;
        own_sequence_ = receipt.sequence;
    }
    write_head(config_.directory, json);
    observer_.checkpoint_written(checkpoint.state.sequence, json);
}

}  // namespace coffer::audit
