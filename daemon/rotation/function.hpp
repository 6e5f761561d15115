#pragma once
// What changes a credential at its target: AWS's four steps, as a rotation function of the configuration does
// them. Every step may be run again after an outcome that nobody learned, and must then find that it is done.

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/secret_bytes.hpp"
#include "daemon/base/bytes.hpp"
#include "daemon/base/errors.hpp"
#include "daemon/base/time.hpp"
#include "daemon/rotation/patience.hpp"
#include "storage/rotation_repository.hpp"

namespace coffer::rotation {

using Step = storage::RotationStep;

/// "createSecret", "setSecret", "testSecret", "finishSecret": as AWS's rotation events have them.
[[nodiscard]] std::string_view step_name(Step step) noexcept;

/// A step that did not succeed. The message is for people, says what to do, and has nothing secret in it.
class StepFailed : public Error {
public:
    enum class Kind : std::uint8_t {
        /// The target was away, or something may mend itself: the same again, later.
        retry,
        /// The target refused the new value: again, with another one.
        value_refused,
        /// The secret or the configuration has to be changed first.
        hopeless,
        /// Something that must not be done twice may have been done: somebody has to look.
        unknown,
    };
    StepFailed(Kind kind, const std::string& message)
        : StepFailed(kind, message, kind == Kind::value_refused) {}
    [[nodiscard]] Kind kind() const noexcept { return kind_; }
    /// Of setSecret: it is certain that the target has nothing of the new value from this try. So it is of a
    /// value that was refused.
    [[nodiscard]] bool without_effect() const noexcept { return without_effect_; }
    /// The same failure, of a try from which the target is known to have nothing.
    [[nodiscard]] StepFailed before_any_effect() const { return {kind_, what(), true}; }
    /// The same failure, behind something that this try has done.
    [[nodiscard]] StepFailed after_an_effect() const { return {kind_, what(), false}; }

private:
    StepFailed(Kind kind, const std::string& message, bool without_effect)
        : Error(message), kind_(kind), without_effect_(without_effect) {}

    Kind kind_;
    bool without_effect_;
};

/// What `look` gives, which tells the target nothing of the new value: what fails in it says so.
template <class Look>
auto before_any_effect(const Look& look) {
    try {
        return look();
    } catch (const StepFailed& failed) {
        throw failed.before_any_effect();
    }
}

/// The rotation was taken away, turned off, or given up by hand while it ran: nothing more is to be done
/// about it.
class RotationLost : public Error {
public:
    using Error::Error;
};

/// AWSCURRENT is no more the version that the new value was made from: somebody put another one, which must
/// not be replaced by that.
class Superseded : public RotationLost {
public:
    Superseded() : RotationLost("AWSCURRENT was moved while the rotation was under way") {}
};

/// The values of the secret that is rotated, for one rotation. Blocks; used by one thread. Throws what the
/// token and the database throw.
class SecretValues {
public:
    virtual ~SecretValues() = default;
    /// AWSCURRENT's. There always is one. Throws Superseded.
    [[nodiscard]] virtual crypto::SecretBytes current() = 0;
    /// Nothing while the new version has no value yet.
    [[nodiscard]] virtual std::optional<crypto::SecretBytes> pending() = 0;
    [[nodiscard]] virtual std::optional<crypto::SecretBytes> previous() = 0;
    /// Those of versions that the target may have since rotations that were not finished, the newest first:
    /// neither AWSCURRENT's, nor AWSPREVIOUS's, nor the new one's.
    [[nodiscard]] virtual std::vector<crypto::SecretBytes> left_behind() = 0;
    /// Gives the new version its value, once.
    virtual void put_pending(crypto::SecretBytes value) = 0;
    /// Whether the new version is AWSCURRENT: some functions move the label themselves.
    [[nodiscard]] virtual bool new_is_current() = 0;
    /// AWSCURRENT of another secret, by its name; nothing when there is none.
    [[nodiscard]] virtual std::optional<crypto::SecretBytes> current_of(const std::string& name) = 0;
    /// Random bytes of the token.
    [[nodiscard]] virtual crypto::SecretBytes random(std::size_t size) = 0;
    /// A mark over `what` and this secret that nobody but Coffer can make, in hexadecimal: for what a
    /// function made, to be known again.
    [[nodiscard]] virtual std::string mark_of(const Bytes& what) = 0;
    /// Whether `mark` is one of those. No longer when the generation of the seal key that it was made with
    /// was destroyed.
    [[nodiscard]] virtual bool is_mark_of(const std::string& mark, const Bytes& what) = 0;

    /// To be called before AWSCURRENT's value is sent to be exchanged for the new one, and may be used up by
    /// that: on record before this returns. Throws StepFailed (unknown) when it was sent before, and what
    /// became of it is not known; Superseded when AWSCURRENT is another version than current() gave last.
    virtual void begin_exchange() = 0;
    /// The exchange is known to have had no effect: the same may be sent again.
    virtual void undo_exchange() = 0;
    /// put_pending() for what was got in exchange, which nobody can get a second time: tried again, past the
    /// step's deadline, until it is stored or the node stops. Throws StepFailed (unknown) then, and where it
    /// had to be stored as another version than the rotation's; RotationLost where it is stored, and the
    /// rotation was ended by hand meanwhile, or the secret is gone.
    virtual void put_exchanged(crypto::SecretBytes value) = 0;
};

/// What a step is told, besides the values.
struct StepContext {
    std::string secret_arn;
    std::string secret_name;
    /// The ClientRequestToken: the new version's id.
    std::string token;
    /// When the step has to be over.
    Deadline deadline;
    /// Set when the node stops, or has lost the rotation: a step that waits for somebody looks at it often,
    /// and fails then (retry), which counts for nothing, or throws RotationLost. May be null.
    const std::atomic<bool>* ended = nullptr;
    /// Of setSecret: the same try made the value, so that the target cannot have it unless another node was
    /// faster. False after an outcome that nobody learned.
    bool value_is_new = false;

    /// How long the step waits for its target.
    [[nodiscard]] Patience patience() const { return {deadline, ended}; }
};

/// One thing that was looked at before a rotation.
struct Check {
    enum class Outcome : std::uint8_t { passed, failed, skipped };
    std::string name;
    Outcome outcome = Outcome::passed;
    std::string message{};
};

/// Thread-safe: many secrets are rotated by one function at a time.
class Function {
public:
    virtual ~Function() = default;
    /// "random", "postgresql" ...
    [[nodiscard]] virtual std::string_view kind() const noexcept = 0;
    /// What setSecret, and what made the new value, have to do with.
    enum class Target : std::uint8_t {
        none,      ///< nothing but the secret
        told,      ///< a target, which setSecret tells the new value
        asked_for  ///< a target, which has handed out the new value
    };
    [[nodiscard]] virtual Target target() const noexcept { return Target::told; }
    /// Whether setSecret uses the values of SecretValues::left_behind() where AWSCURRENT's is refused.
    [[nodiscard]] virtual bool tries_left_behind() const noexcept { return false; }
    /// Throws StepFailed. Whatever else it throws is taken for trouble within Coffer, and tried again.
    virtual void run(Step step, const StepContext& context, SecretValues& values) = 0;
    /// What would stand in the way of a rotation now. Changes nothing.
    [[nodiscard]] virtual std::vector<Check> check(const StepContext& context, SecretValues& values) = 0;
    /// Whether its values may end: then renew_by() says when, and is asked.
    [[nodiscard]] virtual bool renews() const noexcept { return false; }
    /// When `value` has to be replaced at the latest, whatever the schedule says; nothing where it never has
    /// to. Does not block, and changes nothing.
    [[nodiscard]] virtual std::optional<Timestamp> renew_by(const crypto::SecretBytes& /*value*/) const {
        return std::nullopt;
    }
};

/// A function that only has to say what the new value is, how the target learns it, and how it is tried: when
/// to do which is the same for all of them.
class ValueFunction : public Function {
public:
    void run(Step step, const StepContext& context, SecretValues& values) final;

protected:
    /// Stores the new value, which is not there yet: what make() gives, unless it has to be got elsewhere.
    virtual void create(const StepContext& context, SecretValues& values);
    /// The new value.
    [[nodiscard]] virtual crypto::SecretBytes make(const StepContext& context, SecretValues& values,
                                                   const crypto::SecretBytes& current) = 0;
    /// Has the target take `pending`. It may have it already.
    virtual void set(const StepContext& context, SecretValues& values,
                     const crypto::SecretBytes& pending) = 0;
    /// Uses `value` as an application would.
    virtual void test(const StepContext& context, const crypto::SecretBytes& value) = 0;
    /// Before the labels move: takes from the target what neither AWSCURRENT nor AWSPREVIOUS will need.
    virtual void finish(const StepContext& /*context*/, SecretValues& /*values*/,
                        const crypto::SecretBytes& /*pending*/) {}
};

}  // namespace coffer::rotation
