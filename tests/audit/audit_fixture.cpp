#include "audit_fixture.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "daemon/audit/journal_directory.hpp"
#include "daemon/base/free_with.hpp"

namespace coffer::testing {

AuditFolder::AuditFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "coffer-audit-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
}

AuditFolder::~AuditFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path AuditFolder::sub(std::string_view name) const {
    auto folder = path_ / name;
    std::filesystem::create_directories(folder);
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
    return folder;
}

OpensslSigner::OpensslSigner() {
    add_generation();
}

OpensslSigner::OpensslSigner(const std::filesystem::path& private_pem) {
    const std::unique_ptr<BIO, FreeWith<BIO_free>> in(BIO_new_file(private_pem.c_str(), "r"));
    std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr),
                                  FreeWith<EVP_PKEY_free>{});
    if (!key) throw std::runtime_error("no private key in " + private_pem.string());
    keys_.emplace(1, std::move(key));
}

void OpensslSigner::write_private_pem(const std::filesystem::path& file) const {
    const std::unique_ptr<BIO, FreeWith<BIO_free>> out(BIO_new_file(file.c_str(), "w"));
    if (PEM_write_bio_PrivateKey(out.get(), key(1).get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
        throw std::runtime_error("cannot write " + file.string());
    }
}

std::uint32_t OpensslSigner::add_generation() {
    const std::lock_guard lock(mutex_);
    const auto generation = keys_.empty() ? 1 : keys_.rbegin()->first + 1;
    keys_.emplace(generation, std::shared_ptr<EVP_PKEY>(EVP_EC_gen("P-256"), FreeWith<EVP_PKEY_free>{}));
    return generation;
}

void OpensslSigner::forget(std::uint32_t generation) {
    const std::lock_guard lock(mutex_);
    keys_.erase(generation);
}

std::shared_ptr<EVP_PKEY> OpensslSigner::key(std::uint32_t generation) const {
    const std::lock_guard lock(mutex_);
    return keys_.at(generation);
}

audit::SigningKey OpensslSigner::newest() const {
    std::uint32_t generation = 0;
    {
        const std::lock_guard lock(mutex_);
        generation = keys_.rbegin()->first;
    }
    return find(generation).value();
}

std::optional<audit::SigningKey> OpensslSigner::find(std::uint32_t generation) const {
    const std::lock_guard lock(mutex_);
    const auto found = keys_.find(generation);
    if (found == keys_.end()) return std::nullopt;
    auto der = audit::public_key_der(found->second.get());
    const auto id = audit::key_id_of(found->second.get());
    return audit::SigningKey{{id, generation}, std::move(der)};
}

audit::EcdsaSignature raw_signature(const std::vector<unsigned char>& der) {
    const unsigned char* at = der.data();
    const std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>> signature(
        d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
    audit::EcdsaSignature raw{};
    if (!signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw.data(), 32) != 32 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw.data() + 32, 32) != 32) {
        throw std::runtime_error("not an ECDSA signature");
    }
    return raw;
}

audit::EcdsaSignature OpensslSigner::sign(std::uint32_t generation, const audit::Digest& digest) {
    const auto signing = key(generation);
    const std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>> context(
        EVP_PKEY_CTX_new(signing.get(), nullptr));
    std::vector<unsigned char> der(128);
    std::size_t size = der.size();
    if (EVP_PKEY_sign_init(context.get()) != 1 ||
        EVP_PKEY_sign(context.get(), der.data(), &size, digest.data(), digest.size()) != 1) {
        throw std::runtime_error("EVP_PKEY_sign");
    }
    der.resize(size);
    return raw_signature(der);
}

std::string OpensslSigner::public_pem(std::uint32_t generation) const {
    const std::unique_ptr<BIO, FreeWith<BIO_free>> out(BIO_new(BIO_s_mem()));
    PEM_write_bio_PUBKEY(out.get(), key(generation).get());
    char* data = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

audit::CheckpointKeys OpensslSigner::keys(std::uint32_t generation) const {
    audit::CheckpointKeys keys;
    keys.add_pem(public_pem(generation));
    return keys;
}

void RecordingObserver::add(std::string line) {
    {
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
    }
    added_.notify_all();
}

void RecordingObserver::availability_changed(bool available, std::string reason) {
    add(available ? "available" : "unavailable: " + reason);
}
void RecordingObserver::low_water_changed(bool low, std::uint64_t) {
    add(low ? "low water" : "enough water");
}
void RecordingObserver::incident(std::string what) {
    add("incident: " + what);
}
void RecordingObserver::batch_written(std::size_t, std::size_t, std::chrono::nanoseconds) {
    const std::lock_guard lock(mutex_);
    ++batches_;
}
void RecordingObserver::checkpoint_written(std::uint64_t sequence, std::string json) {
    {
        const std::lock_guard lock(mutex_);
        checkpoints_.push_back(std::move(json));
    }
    add("checkpoint " + std::to_string(sequence));
}
void RecordingObserver::checkpoint_failed(std::string reason) {
    add("checkpoint failed: " + reason);
}

std::vector<std::string> RecordingObserver::lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
}

bool RecordingObserver::has(std::string_view part) const {
    const auto all = lines();
    return std::any_of(all.begin(), all.end(),
                       [&](const auto& line) { return line.find(part) != std::string::npos; });
}

bool RecordingObserver::wait_for_line(std::string_view part) const {
    std::unique_lock lock(mutex_);
    return added_.wait_for(lock, std::chrono::minutes(1), [&] {
        return std::any_of(lines_.begin(), lines_.end(),
                           [&](const auto& line) { return line.find(part) != std::string::npos; });
    });
}

std::size_t RecordingObserver::batches() const {
    const std::lock_guard lock(mutex_);
    return batches_;
}

std::vector<std::string> RecordingObserver::checkpoints() const {
    const std::lock_guard lock(mutex_);
    return checkpoints_;
}

audit::JournalConfig small_config(const std::filesystem::path& directory) {
    audit::JournalConfig config;
    config.directory = directory;
    config.node = "node-1";
    config.reserve_bytes = 0;
    config.low_water_bytes = 0;
    config.resume_bytes = 64 * 1024;
    config.checkpoint_records = 1'000'000;
    config.checkpoint_interval = std::chrono::hours(1);
    config.retry_interval = std::chrono::milliseconds(20);
    return config;
}

audit::Event sample_event(std::string_view name) {
    audit::Event event;
    event.user_identity.type = audit::IdentityType::iam_user;
    event.user_identity.arn = "arn:aws:iam::123456789012:user/app-a";
    event.user_identity.user_name = "app-a";
    event.time = Timestamp::from_millis(1'790'000'000'123);
    event.name = "GetSecretValue";
    event.region = "eu-1";
    event.source_address = "192.0.2.7";
    event.user_agent = "test";
    event.request_parameters = boost::json::object{{"secretId", boost::json::string(name)}};
    event.request_id = "8f2b6f2e-9d2f-4a8e-9c0e-0d8d1f1a2b3c";
    event.read_only = true;
    event.resources.push_back(
        {"arn:aws:secretsmanager:eu-1:123456789012:secret:" + std::string(name) + "-AbCdEf", "123456789012"});
    event.recipient_account_id = "123456789012";
    event.additional.node = "node-1";
    event.additional.listener = "native";
    return event;
}

audit::Receipt append(audit::Journal& journal, const audit::Event& event, audit::Admission admission) {
    return wait_for<audit::Receipt>(
        [&](Completion<audit::Receipt> done) { journal.append(event, admission, std::move(done)); });
}

std::string read_file(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void write_file(const std::filesystem::path& file, std::string_view content) {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
    if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

std::vector<std::filesystem::path> segment_files(const std::filesystem::path& directory) {
    std::vector<std::filesystem::path> out;
    for (const auto number : audit::list_directory(directory).segments) {
        out.push_back(directory / audit::segment_name(number));
    }
    return out;
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> out;
    std::istringstream in{std::string(text)};
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
}

std::string join_lines(const std::vector<std::string>& lines) {
    std::string out;
    for (const auto& line : lines) out += line + "\n";
    return out;
}

}  // namespace coffer::testing
