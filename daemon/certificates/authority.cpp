#include "daemon/certificates/authority.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "crypto/key_names.hpp"

namespace coffer::certificates {

namespace {

constexpr std::size_t kFileMost = 1024UL * 1024;

/// For a value within a PKCS#11 URI (RFC 7512, section 2.3).
std::string percent_encoded(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                           c == '-' || c == '_' || c == '.';
        out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

std::string uri_of_key(const AuthoritySettings& settings, const crypto::Hsm& hsm) {
    if (!settings.key.empty()) return settings.key;
    const auto status = hsm.status();
    const auto token = status.token_serial.empty() ? "token=" + percent_encoded(status.token_label)
                                                   : "serial=" + percent_encoded(status.token_serial);
    return "pkcs11:" + token + ";object=" + percent_encoded(crypto::authority_key_label(settings.name)) +
           ";type=private";
}

}  // namespace

Chain read_certificates(const std::filesystem::path& file) try {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw Error("it cannot be read");
    std::string text(kFileMost, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    return parse_certificates(text);
} catch (const Error& error) {
    throw Error(file.string() + ": " + error.what());
}

Authority::Authority(const AuthoritySettings& settings, crypto::Hsm& hsm) try
    : settings_(settings), chain_(read_certificates(settings_.certificate)) {
    require_authority(certificate());
    key_ = crypto::private_key_from_token(hsm, uri_of_key(settings_, hsm), chain_.front().get(),
                                          crypto::KeyPurpose::certificates);
} catch (const Error& error) {
    throw Error("[[certificate_authority]] \"" + settings.name + "\": " + error.what());
}

CertificatePtr Authority::issue(const SubjectNames& names, const Usages& usages, const EVP_PKEY* key,
                                Timestamp now, std::int64_t days, ByteView random) const {
    const Order order{.names = names,
                      .usages = usages,
                      .validity = validity_under(certificate(), now, std::min(days, settings_.max_days)),
                      .serial = serial_from(random),
                      .crl_url = settings_.crl_url};
    return certificates::issue(order, key, certificate(), key_.get());
}

CrlPtr Authority::next_list(const X509_CRL* previous, std::span<const Revocation> added, Timestamp now,
                            const EndOf& end_of) const {
    const ListTimes times{now, now + std::chrono::hours(24 * settings_.crl_days)};
    auto list = make_list(previous, added, times, {end_of, longest_life()}, {certificate(), key_.get()});
    require_list_of(list.get(), certificate());
    return list;
}

std::chrono::hours Authority::longest_life() const noexcept {
    constexpr std::chrono::hours kRoom{48};
    return std::chrono::hours(24 * settings_.max_days) + kRoom;
}

std::shared_ptr<const Authority> find_authority(const Authorities& all, std::string_view name) {
    const auto found =
        std::ranges::find_if(all, [name](const auto& authority) { return authority->name() == name; });
    return found == all.end() ? nullptr : *found;
}

}  // namespace coffer::certificates
