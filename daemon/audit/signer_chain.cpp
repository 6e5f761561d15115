#include "daemon/audit/signer_chain.hpp"

namespace coffer::audit {

namespace {

std::string full_name(const SignerName& signer) {
    return to_text(signer.id) + " (generation " + std::to_string(signer.generation) + ")";
}

}  // namespace

std::string SignerChain::problem_with_key(const SignerName& signer) const {
    if (!keys_.has(signer.id)) {
        return next_signer_ ? "the checkpoint is signed with the key " + full_name(signer) +
                                  ", which was not given and which no checkpoint before introduces; " +
                                  full_name(*next_signer_) + " has to sign"
                            : "the checkpoint is signed with a key that was not given: " + full_name(signer);
    }
    if (const auto replaced = replaced_.find(signer.id); replaced != replaced_.end()) {
        return "the checkpoint is signed with the key " + full_name(signer) +
               ", which was replaced in record " + std::to_string(replaced->second);
    }
    if (!next_signer_ || *next_signer_ == signer) return {};
    if (next_signer_->id == signer.id) {
        return "the checkpoint names the generation " + std::to_string(signer.generation) + " of the key " +
               full_name(*next_signer_);
    }
    // A key that was given is believed without a word of the one before, unless it goes back.
    if (signer.generation >= next_signer_->generation) return {};
    return "the checkpoint is signed with the key " + full_name(signer) + " and " + full_name(*next_signer_) +
           " has to sign";
}

std::string SignerChain::problem_of(const Checkpoint& checkpoint) const {
    if (auto problem = problem_with_key(checkpoint.signer); !problem.empty()) return problem;
    return keys_.verify(checkpoint) ? std::string() : "the checkpoint's signature is wrong";
}

std::string SignerChain::problem_of_kept(const Checkpoint& checkpoint) const {
    if (!keys_.has(checkpoint.signer.id)) {
        return "the checkpoint is signed with a key that was neither given nor introduced: " +
               full_name(checkpoint.signer);
    }
    return keys_.verify(checkpoint) ? std::string() : "the checkpoint's signature is wrong: it was changed";
}

std::vector<std::string> SignerChain::take(const Checkpoint& checkpoint, std::uint64_t sequence) {
    std::vector<std::string> notes;
    const auto record = "record " + std::to_string(sequence) + ": the audit key ";
    if (next_signer_ && next_signer_->id != checkpoint.signer.id) {
        notes.push_back(record + full_name(checkpoint.signer) + " signs in place of " +
                        full_name(*next_signer_) +
                        ", which did not introduce it; it is believed because it was given");
        replaced_.emplace(next_signer_->id, sequence);
    }
    if (checkpoint.successor) {
        keys_.add(*checkpoint.successor);
        replaced_.emplace(checkpoint.signer.id, sequence);
        notes.push_back(record + full_name(checkpoint.signer) + " introduces " +
                        full_name(checkpoint.successor->name) + ", which signs from there on");
    }
    next_signer_ = checkpoint.next_signer();
    return notes;
}

}  // namespace coffer::audit
