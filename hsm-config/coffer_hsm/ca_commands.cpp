#include "hsm-config/coffer_hsm/ca_commands.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <system_error>

#include "crypto/anchor_session.hpp"
#include "crypto/key_names.hpp"
#include "crypto/libp11_keys.hpp"
#include "crypto/pkcs11_error.hpp"
#include "crypto/private_file.hpp"
#include "crypto/slot.hpp"
#include "daemon/base/time.hpp"
#include "daemon/certificates/distinguished_name.hpp"
#include "daemon/certificates/issuing.hpp"
#include "daemon/certificates/key_pair.hpp"
#include "daemon/certificates/pem.hpp"
#include "daemon/certificates/requests.hpp"
#include "hsm-config/coffer_hsm/commands.hpp"
#include "hsm-config/coffer_hsm/pin_input.hpp"

namespace coffer::hsm_config {
namespace {

/// Well below the secure heap, where OpenSSL takes the file apart.
constexpr std::size_t kKeyFileMost = 16 * 1024;

/// The token that the options name, logged in to.
class OpenToken {
public:
    explicit OpenToken(const TokenOptions& options)
        : module_(load_module(options, profile_of(options))),
          token_(crypto::find_token(*module_, crypto::TokenUri::parse(options.token_uri))),
          login_([&] {
              const PinInput pin(options.pin_file);
              crypto::PinGuard guard;
              return crypto::AnchorSession::open(*module_, token_.slot, pin.source(), guard,
                                                 crypto::SessionMode::read_write);
          }()) {}

    [[nodiscard]] const crypto::Session& session() const { return login_.session(); }
    [[nodiscard]] const crypto::TokenInfo& token() const { return token_; }

    /// The authority's private key as OpenSSL uses it.
    [[nodiscard]] crypto::EvpPkeyPtr key_of(const std::string& name, const TokenOptions& options) {
        const auto uri = options.token_uri + ";object=coffer%2Fca%2F" + name + ";type=private";
        return keys_.find(*module_, token_.slot, crypto::TokenUri::parse(uri));
    }

private:
    std::unique_ptr<crypto::Module> module_;
    crypto::TokenInfo token_;
    crypto::Libp11Keys keys_;  // goes after the login: it closes every session
    crypto::AnchorSession login_;
};

/// A new file with `text`; written as a whole, or not there.
class NewFile {
public:
    NewFile(std::filesystem::path path, const std::string& text) : path_(std::move(path)) {
        const std::unique_ptr<std::FILE, decltype([](std::FILE* f) { std::fclose(f); })> file(
            std::fopen(path_.c_str(), "wxe"));
        if (!file) {
            throw Error(fmt::format("{} cannot be made: {}; nothing is overwritten", path_.string(),
                                    std::generic_category().message(errno)));
        }
        if (std::fwrite(text.data(), 1, text.size(), file.get()) != text.size() ||
            std::fflush(file.get()) != 0) {
            const int error = errno;
            std::filesystem::remove(path_);
            throw Error(fmt::format("{} cannot be written: {}", path_.string(),
                                    std::generic_category().message(error)));
        }
    }
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;

private:
    std::filesystem::path path_;
};

void require_usable(const CaCreateOptions& options) {
    if (options.self_signed == !options.request_out.empty()) {
        throw UsageError(
            "give --self-signed with --days and --out, or --csr-out for a request that another CA signs");
    }
    if (options.self_signed && (options.days == 0 || options.out.empty())) {
        throw UsageError("--self-signed needs --days and --out");
    }
    if (!options.self_signed && (options.days != 0 || !options.out.empty())) {
        throw UsageError("--days and --out go with --self-signed; with --csr-out the CA that signs decides");
    }
}

Bytes random_serial(const crypto::Session& session) {
    Bytes random(certificates::kSerialBytes);
    crypto::check("C_GenerateRandom",
                  session.functions().C_GenerateRandom(session.handle(), random.data(), random.size()));
    return certificates::serial_from(random);
}

void write_certificate(const CaCreateOptions& options, OpenToken& token) {
    const auto subject = certificates::parse_distinguished_name(options.subject);
    const auto key = token.key_of(options.name, options.token);
    if (!options.self_signed) {
        const NewFile file(
            options.request_out,
            certificates::pem_of(certificates::make_ca_request(key.get(), subject.get()).get()));
        return;
    }
    const auto now = SystemClock().now();
    const certificates::Validity validity{now - std::chrono::minutes(5),
                                          now + std::chrono::hours(24 * options.days)};
    const auto certificate = certificates::self_signed_authority(subject.get(), key.get(), validity,
                                                                 random_serial(token.session()));
    const NewFile file(options.out, certificates::pem_of(certificate.get()));
}

void report(Output output, const std::string& label, std::string_view what,
            const std::filesystem::path& file) {
    if (output == Output::json) {
        boost::json::object out{{"label", label}, {"state", boost::json::string_view(what)}};
        if (!file.empty()) out["file"] = file.string();
        fmt::print("{}\n", boost::json::serialize(out));
        return;
    }
    fmt::print("key {}: {}\n", label, what);
    if (!file.empty()) fmt::print("written: {}\n", file.string());
}

std::string read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(in), {});
    if (!in && text.empty()) throw Error(fmt::format("{} cannot be read", path.string()));
    return text;
}

}  // namespace

int ca_create_command(const CaCreateOptions& options) {
    require_usable(options);
    static_cast<void>(certificates::parse_distinguished_name(options.subject));
    OpenToken token(options.token);
    const auto write = [&] { write_certificate(options, token); };
    if (options.existing_key) {
        write();
    } else {
        crypto::make_authority_key(token.session(), options.name, options.key_type, write);
    }
    report(options.token.output, crypto::authority_key_label(options.name),
           options.existing_key ? "exists" : "made", options.self_signed ? options.out : options.request_out);
    return kExitOk;
}

int ca_import_command(const CaImportOptions& options) {
    const auto text = crypto::read_private_file(options.key, "key file", kKeyFileMost);
    const auto key = certificates::parse_private_key(text.text());
    const auto chain = certificates::parse_certificates(read_file(options.certificate));
    certificates::require_authority(chain.front().get());
    if (!certificates::belongs_to(key.get(), chain.front().get())) {
        throw Error(fmt::format("the key in {} is not that of the first certificate in {}",
                                options.key.string(), options.certificate.string()));
    }
    OpenToken token(options.token);
    crypto::import_authority_key(token.session(), options.name, key.get(), [&] {
        // What the token does with it has to be what the key does.
        const auto inside = token.key_of(options.name, options.token);
        const auto probe =
            certificates::make_ca_request(inside.get(), X509_get_subject_name(chain.front().get()));
        if (X509_REQ_verify(probe.get(), X509_get0_pubkey(chain.front().get())) != 1) {
            throw Error("the token signs with another key than the one that was brought there");
        }
    });
    report(options.token.output, crypto::authority_key_label(options.name), "imported", {});
    return kExitOk;
}

}  // namespace coffer::hsm_config
