#include "daemon/certificates/distinguished_name.hpp"

namespace coffer::certificates {

namespace {

/// Up to the first `end` that is not escaped, which goes from `text` with it.
std::string take_until(std::string_view& text, char end) {
    std::string part;
    while (!text.empty() && text.front() != end) {
        if (text.front() == '\\') {
            text.remove_prefix(1);
            if (text.empty()) throw CertificateError("the subject ends with '\\'");
        }
        part += text.front();
        text.remove_prefix(1);
    }
    if (!text.empty()) text.remove_prefix(1);
    return part;
}

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(' ');
    if (first == std::string::npos) return {};
    return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

}  // namespace

NamePtr parse_distinguished_name(std::string_view text) {
    NamePtr name(X509_NAME_new());
    require(name != nullptr, "the subject cannot be written");
    while (!text.empty()) {
        auto part = take_until(text, ',');
        const auto equals = part.find('=');
        if (equals == std::string::npos) {
            throw CertificateError(
                "the subject must be ATTRIBUTE=VALUE, joined by ',': \"O=Example,CN=Example CA\"");
        }
        const auto attribute = trimmed(part.substr(0, equals));
        const auto value = trimmed(part.substr(equals + 1));
        if (value.empty()) throw CertificateError("the subject's " + attribute + " is empty");
        const auto* bytes = reinterpret_cast<const unsigned char*>(value.data());
        require(X509_NAME_add_entry_by_txt(name.get(), attribute.c_str(), MBSTRING_UTF8, bytes,
                                           static_cast<int>(value.size()), -1, 0) == 1,
                "the subject cannot have " + attribute + "=" + value);
    }
    if (X509_NAME_entry_count(name.get()) == 0) throw CertificateError("the subject is empty");
    return name;
}

std::string text_of(const X509_NAME* name) {
    const BioPtr out(BIO_new(BIO_s_mem()));
    constexpr unsigned long kForm = (XN_FLAG_RFC2253 & ~XN_FLAG_DN_REV & ~ASN1_STRFLGS_ESC_MSB);
    require(out && X509_NAME_print_ex(out.get(), name, 0, kForm) >= 0, "a name cannot be shown");
    char* data = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

}  // namespace coffer::certificates
