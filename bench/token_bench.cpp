// The bare token: the PKCS#11 calls that a read and a master-key rotation cannot do without, and nothing
// else. What the daemon adds is measured against these rates.

#include <CLI/CLI.hpp>
#include <array>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "crypto/anchor_session.hpp"
#include "crypto/attributes.hpp"
#include "crypto/module.hpp"
#include "crypto/objects.hpp"
#include "crypto/pin_source.hpp"
#include "crypto/pkcs11_error.hpp"
#include "crypto/session.hpp"
#include "crypto/slot.hpp"
#include "figures.hpp"
#include "threads.hpp"

namespace {

using namespace coffer;
using bench::Row;
using crypto::check;
using crypto::ObjectGuard;
using crypto::Session;
using crypto::SessionMode;
using crypto::Template;

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kWrappedBytes = kKeyBytes + 8;  // RFC 3394 adds one block of 8 bytes
constexpr std::size_t kTagBits = 128;
constexpr std::size_t kIvBytes = 12;
/// As many as the load generator's hot set, so that the token looks its keys up among as many.
constexpr std::size_t kHotKeys = 500;
/// About what the daemon authenticates with each payload: ARN, version id, key id.
constexpr std::size_t kAadBytes = 200;

struct Options {
    std::string module;
    std::string arguments;
    std::string token;
    std::string pin_file;
    double seconds = 3;
    std::size_t payload_bytes = 1024;
};

/// A payload as it lies in the database.
struct Sealed {
    std::array<std::uint8_t, kWrappedBytes> wrapped_key{};
    std::array<std::uint8_t, kIvBytes> iv{};
    Bytes ciphertext;
};

/// The mechanism of one AES-256-GCM call; `iv` and `aad` must outlive it.
class Gcm {
public:
    Gcm(const Sealed& sealed, const Bytes& aad) {
        // The interface is not const-correct; the token does not write here in this IV mode.
        parameters_.pIv = const_cast<std::uint8_t*>(sealed.iv.data());
        parameters_.ulIvLen = sealed.iv.size();
        parameters_.ulIvBits = sealed.iv.size() * 8;
        parameters_.pAAD = const_cast<std::uint8_t*>(aad.data());
        parameters_.ulAADLen = aad.size();
        parameters_.ulTagBits = kTagBits;
    }
    Gcm(const Gcm&) = delete;
    Gcm& operator=(const Gcm&) = delete;
    [[nodiscard]] CK_MECHANISM* get() noexcept { return &mechanism_; }

private:
    CK_GCM_PARAMS parameters_{};
    CK_MECHANISM mechanism_{CKM_AES_GCM, &parameters_, sizeof parameters_};
};

CK_MECHANISM key_wrap() {
    return {CKM_AES_KEY_WRAP, nullptr, 0};
}

CK_OBJECT_HANDLE generate(const Session& session, Template& attributes) {
    CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    check("C_GenerateKey", session.functions().C_GenerateKey(session.handle(), &mechanism, attributes.data(),
                                                             attributes.size(), &key));
    return key;
}

/// A master key as the daemon's are: a token object for wrapping and unwrapping only.
CK_OBJECT_HANDLE make_master_key(const Session& session, const std::string& label) {
    Template attributes;
    attributes.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_AES)
        .number(CKA_VALUE_LEN, kKeyBytes);
    attributes.boolean(CKA_TOKEN, true).boolean(CKA_PRIVATE, true).text(CKA_LABEL, label);
    attributes.boolean(CKA_SENSITIVE, true).boolean(CKA_EXTRACTABLE, false);
    attributes.boolean(CKA_WRAP, true).boolean(CKA_UNWRAP, true);
    attributes.boolean(CKA_ENCRYPT, false).boolean(CKA_DECRYPT, false);
    return generate(session, attributes);
}

CK_OBJECT_HANDLE make_data_key(const Session& session) {
    Template attributes;
    attributes.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_AES)
        .number(CKA_VALUE_LEN, kKeyBytes);
    attributes.boolean(CKA_TOKEN, false).boolean(CKA_PRIVATE, true);
    attributes.boolean(CKA_SENSITIVE, true).boolean(CKA_EXTRACTABLE, true);
    attributes.boolean(CKA_ENCRYPT, true).boolean(CKA_DECRYPT, false);
    return generate(session, attributes);
}

enum class Purpose { decrypt, rewrap };

CK_OBJECT_HANDLE unwrap(const Session& session, CK_OBJECT_HANDLE master, const Sealed& sealed,
                        Purpose purpose) {
    Template attributes;
    attributes.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, CKK_AES);
    attributes.boolean(CKA_TOKEN, false).boolean(CKA_PRIVATE, true).boolean(CKA_SENSITIVE, true);
    attributes.boolean(CKA_EXTRACTABLE, purpose == Purpose::rewrap);
    attributes.boolean(CKA_ENCRYPT, false).boolean(CKA_DECRYPT, purpose == Purpose::decrypt);
    auto mechanism = key_wrap();
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    check("C_UnwrapKey", session.functions().C_UnwrapKey(session.handle(), &mechanism, master,
                                                         const_cast<std::uint8_t*>(sealed.wrapped_key.data()),
                                                         sealed.wrapped_key.size(), attributes.data(),
                                                         attributes.size(), &key));
    return key;
}

void wrap(const Session& session, CK_OBJECT_HANDLE master, CK_OBJECT_HANDLE key,
          std::array<std::uint8_t, kWrappedBytes>& out) {
    auto mechanism = key_wrap();
    CK_ULONG size = out.size();
    check("C_WrapKey",
          session.functions().C_WrapKey(session.handle(), &mechanism, master, key, out.data(), &size));
}

void decrypt(const Session& session, CK_OBJECT_HANDLE key, const Sealed& sealed, const Bytes& aad,
             Bytes& out) {
    Gcm gcm(sealed, aad);
    check("C_DecryptInit", session.functions().C_DecryptInit(session.handle(), gcm.get(), key));
    CK_ULONG size = out.size();
    check("C_Decrypt",
          session.functions().C_Decrypt(session.handle(), const_cast<std::uint8_t*>(sealed.ciphertext.data()),
                                        sealed.ciphertext.size(), out.data(), &size));
}

Sealed seal(const Session& session, CK_OBJECT_HANDLE master, std::size_t payload_bytes, const Bytes& aad) {
    Sealed sealed;
    const ObjectGuard key(session, make_data_key(session));
    check("C_GenerateRandom",
          session.functions().C_GenerateRandom(session.handle(), sealed.iv.data(), sealed.iv.size()));
    wrap(session, master, key.get(), sealed.wrapped_key);
    Bytes plaintext(payload_bytes, 'x');
    sealed.ciphertext.resize(payload_bytes + kTagBits / 8);
    Gcm gcm(sealed, aad);
    check("C_EncryptInit", session.functions().C_EncryptInit(session.handle(), gcm.get(), key.get()));
    CK_ULONG size = sealed.ciphertext.size();
    check("C_Encrypt", session.functions().C_Encrypt(session.handle(), plaintext.data(), plaintext.size(),
                                                     sealed.ciphertext.data(), &size));
    return sealed;
}

/// The three measurements over one token.
class TokenBench {
public:
    TokenBench(const crypto::Module& module, crypto::SlotId slot, const Session& owner,
               const Options& options)
        : module_(module),
          slot_(slot),
          owner_(owner),
          duration_(seconds(options.seconds)),
          options_(options) {
        sealed_.reserve(kHotKeys);
        handles_.reserve(kHotKeys);
        for (std::size_t i = 0; i < kHotKeys; ++i) {
            sealed_.push_back(seal(owner_, master_.get(), options_.payload_bytes, aad_));
            handles_.push_back(unwrap(owner_, master_.get(), sealed_.back(), Purpose::decrypt));
        }
    }

    /// GCM decryption under unwrapped keys that are session objects: what a hot read costs the token.
    [[nodiscard]] Row measure_decrypt(int in_flight) const {
        return bench::measure_threads("token_decrypt", in_flight, duration_, [this](std::size_t worker) {
            return [this, session = open_session(), plaintext = room(), i = worker]() mutable {
                const std::size_t at = i++ % kHotKeys;
                decrypt(session, handles_[at], sealed_[at], aad_, plaintext);
            };
        });
    }

    /// Unwrapping with the master key as a token object, decryption, destruction of the key: a first read.
    [[nodiscard]] Row measure_open(int in_flight) const {
        return bench::measure_threads("token_open", in_flight, duration_, [this](std::size_t worker) {
            return [this, session = open_session(), plaintext = room(), i = worker]() mutable {
                const auto& sealed = sealed_[i++ % kHotKeys];
                const ObjectGuard key(session, unwrap(session, master_.get(), sealed, Purpose::decrypt));
                decrypt(session, key.get(), sealed, aad_, plaintext);
            };
        });
    }

    /// Unwrapping with one master key, wrapping with another, destruction: a step of a master-key rotation.
    [[nodiscard]] Row measure_rewrap(int in_flight) const {
        return bench::measure_threads("token_rewrap", in_flight, duration_, [this](std::size_t worker) {
            return [this, session = open_session(), i = worker]() mutable {
                const auto& sealed = sealed_[i++ % kHotKeys];
                const ObjectGuard key(session, unwrap(session, master_.get(), sealed, Purpose::rewrap));
                std::array<std::uint8_t, kWrappedBytes> wrapped{};
                wrap(session, next_master_.get(), key.get(), wrapped);
            };
        });
    }

private:
    static bench::Clock::duration seconds(double s) {
        return std::chrono::duration_cast<bench::Clock::duration>(std::chrono::duration<double>(s));
    }
    [[nodiscard]] Session open_session() const {
        return Session::open(module_, slot_, SessionMode::read_only);
    }
    [[nodiscard]] Bytes room() const { return Bytes(options_.payload_bytes + kTagBits / 8); }

    const crypto::Module& module_;
    crypto::SlotId slot_;
    const Session& owner_;
    bench::Clock::duration duration_;
    Options options_;
    Bytes aad_ = Bytes(kAadBytes, 'a');
    ObjectGuard master_{owner_, make_master_key(owner_, "bench/1")};
    ObjectGuard next_master_{owner_, make_master_key(owner_, "bench/2")};
    std::vector<Sealed> sealed_;
    std::vector<CK_OBJECT_HANDLE> handles_;  // session objects: they go with the owner's session
};

void run(const Options& options) {
    const auto module = crypto::Module::load(options.module, options.arguments);
    const auto token = crypto::find_token(*module, crypto::TokenUri::parse(options.token));
    crypto::PinGuard guard;
    auto anchor = crypto::AnchorSession::open(
        *module, token.slot, crypto::PinSource::from_file(options.pin_file), guard, SessionMode::read_write);
    const TokenBench bench(*module, token.slot, anchor.session(), options);
    for (const int in_flight : {1, 8, 64}) bench::print_row(std::cout, bench.measure_decrypt(in_flight));
    for (const int in_flight : {1, 8, 64}) bench::print_row(std::cout, bench.measure_open(in_flight));
    for (const int in_flight : {1, 8, 64}) bench::print_row(std::cout, bench.measure_rewrap(in_flight));
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Measures a PKCS#11 token without Coffer around it");
    Options options;
    app.add_option("--module", options.module, "The PKCS#11 module")->required();
    app.add_option("--arguments", options.arguments, "What C_Initialize is given; NSS softokn wants some");
    app.add_option("--token", options.token, "RFC 7512 URI")->required();
    app.add_option("--pin-file", options.pin_file, "The user PIN, first line of a file")->required();
    app.add_option("--seconds", options.seconds, "For each figure")->check(CLI::PositiveNumber);
    app.add_option("--payload-bytes", options.payload_bytes)->check(CLI::Range(1, 65536));
    CLI11_PARSE(app, argc, argv);
    try {
        run(options);
        return 0;
    } catch (const std::exception& e) {
        std::cerr << "coffer-token-bench: " << e.what() << "\n";
        return 1;
    }
}
