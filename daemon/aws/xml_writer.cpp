#include "daemon/aws/xml_writer.hpp"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>

#include <array>
#include <chrono>
#include <cmath>
#include <string>

namespace coffer::aws {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::string_view kNamespace = "https://sts.amazonaws.com/doc/2011-06-15/";
constexpr unsigned kForbidden = 403;
constexpr unsigned kServerFault = 500;

/// What XML 1.0 cannot hold at all becomes '?'.
void append_escaped(std::string_view text, Bytes& out) {
    for (const char c : text) {
        switch (c) {
            case '&':
                append("&amp;", out);
                break;
            case '<':
                append("&lt;", out);
                break;
            case '>':
                append("&gt;", out);
                break;
            case '"':
                append("&quot;", out);
                break;
            default:
                if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') {
                    append(c == '\r' ? "&#13;" : "?", out);
                } else {
                    out.push_back(static_cast<std::uint8_t>(c));
                }
        }
    }
}

std::string iso_8601(double seconds) {
    namespace chr = std::chrono;
    const chr::sys_seconds moment{chr::seconds(std::llround(std::floor(seconds)))};
    const auto day = chr::floor<chr::days>(moment);
    const chr::year_month_day date(day);
    const chr::hh_mm_ss<chr::seconds> clock(moment - day);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

void write_members(const Message& message, Bytes& out);

/// `index`: of an element of a list; -1 for the field itself.
void write_content(const Message& message, const FieldDescriptor& field, int index, Bytes& out) {
    const auto& reflection = *message.GetReflection();
    std::string scratch;
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_MESSAGE:
            return write_members(index < 0 ? reflection.GetMessage(message, &field)
                                           : reflection.GetRepeatedMessage(message, &field, index),
                                 out);
        case FieldDescriptor::CPPTYPE_STRING:
            return append_escaped(
                index < 0 ? reflection.GetStringReference(message, &field, &scratch)
                          : reflection.GetRepeatedStringReference(message, &field, index, &scratch),
                out);
        case FieldDescriptor::CPPTYPE_INT64:
            return append(std::to_string(reflection.GetInt64(message, &field)), out);
        case FieldDescriptor::CPPTYPE_BOOL:
            return append(reflection.GetBool(message, &field) ? "true" : "false", out);
        case FieldDescriptor::CPPTYPE_DOUBLE:  // in this schema: always a time
            return append(iso_8601(reflection.GetDouble(message, &field)), out);
        default:
            return;
    }
}

void write_members(const Message& message, Bytes& out) {
    const auto& reflection = *message.GetReflection();
    const auto& type = *message.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
        const auto& field = *type.field(i);
        const int size = field.is_repeated() ? reflection.FieldSize(message, &field)
                                             : (reflection.HasField(message, &field) ? 1 : 0);
        if (size == 0) continue;
        append("<" + field.json_name() + ">", out);
        if (!field.is_repeated()) write_content(message, field, -1, out);
        for (int member = 0; field.is_repeated() && member < size; ++member) {
            append("<member>", out);
            write_content(message, field, member, out);
            append("</member>", out);
        }
        append("</" + field.json_name() + ">", out);
    }
}

}  // namespace

void write_xml_response(std::string_view operation, const Message& result, std::string_view request_id,
                        Bytes& out) {
    append(fmt::format("<{0}Response xmlns=\"{1}\"><{0}Result>", operation, kNamespace), out);
    write_members(result, out);
    append(fmt::format(
               "</{0}Result><ResponseMetadata><RequestId>{1}</RequestId></ResponseMetadata></{0}Response>",
               operation, request_id),
           out);
}

void write_xml_error(const ErrorAnswer& error, std::string_view request_id, Bytes& out) {
    append(fmt::format("<ErrorResponse xmlns=\"{}\"><Error><Type>{}</Type><Code>{}</Code><Message>",
                       kNamespace, error.status < kServerFault ? "Sender" : "Receiver", error.name),
           out);
    append_escaped(error.message, out);
    append(fmt::format("</Message></Error><RequestId>{}</RequestId></ErrorResponse>", request_id), out);
}

ErrorAnswer query_error(ErrorAnswer error) {
    struct Name {
        std::string_view json;
        std::string_view query;
        unsigned status;
    };
    // AWS, STS API reference: "Common errors".
    static constexpr std::array<Name, 10> kNames{{
        {"UnrecognizedClientException", "InvalidClientTokenId", kForbidden},
        {"InvalidSignatureException", "SignatureDoesNotMatch", kForbidden},
        {"ExpiredTokenException", "ExpiredToken", kForbidden},
        {"MissingAuthenticationTokenException", "MissingAuthenticationToken", kForbidden},
        {"AccessDeniedException", "AccessDenied", kForbidden},
        {"IncompleteSignatureException", "IncompleteSignature", 400},
        {"ValidationException", "ValidationError", 400},
        {"ThrottlingException", "Throttling", 400},
        {"UnknownOperationException", "InvalidAction", 400},
        {"InternalServiceError", "InternalFailure", kServerFault},
    }};
    for (const auto& name : kNames) {
        if (name.json != error.name) continue;
        error.name = name.query;
        error.status = name.status;
        break;
    }
    return error;
}

}  // namespace coffer::aws
