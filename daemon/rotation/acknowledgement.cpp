#include "daemon/rotation/acknowledgement.hpp"

#include "daemon/secrets/errors.hpp"
#include "storage/rotation_repository.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::rotation {

using storage::RotationRepository;
using storage::SecretRepository;

void acknowledge(storage::WriteTransaction& tx, const storage::StoredSecret& seen) {
    const auto locked = SecretRepository::lock(tx, seen.name);
    if (!locked || locked->id != seen.id) throw secrets::secret_not_found();
    auto task = RotationRepository::find(tx, seen.id);
    if (task && task->node) throw secrets::invalid_request("The rotation of this secret is running now.");
    if (task && locked->rotation && locked->rotation->making) {
        throw secrets::invalid_request(
            "A rotation of this secret is under way: 'coffer rotation retry' goes on with it, 'coffer "
            "rotation "
            "abandon' gives it up.");
    }
    if (!task || (!task->failed && task->left_behind.empty())) {
        throw secrets::invalid_request("No rotation of this secret has left anything to acknowledge.");
    }
    task->failed = task->test_only = false;
    task->last_error.reset();
    if (RotationRepository::save(tx, *task, true) == RotationRepository::Saved::lost) {
        throw secrets::invalid_request("The rotation of this secret is running now.");
    }
    RotationRepository::clear_left_behind(tx, seen.id);
}

}  // namespace coffer::rotation
