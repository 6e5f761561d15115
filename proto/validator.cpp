#include "proto/validator.hpp"
namespace coffer::proto { std::optional<std::string> validation_error(const google::protobuf::Message&) { return std::nullopt; } }
