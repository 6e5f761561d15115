#pragma once
// A folder of files that says who may do what, and where in the files each user, group, role and policy
// stands: a refusal that names no place in them is of no use to who wrote them.

#include <deque>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "client/coffer/json_text.hpp"
#include "coffer/v1/iam.pb.h"

namespace coffer::cli {

/// All *.json and *.toml files of a folder and the folders in it. A file holds one entity (an object with
/// UserName, GroupName, RoleName, PolicyName or ListenerName) or several (an object with the lists Users,
/// Groups, Roles, Policies, Listeners). Policy documents may be objects.
class AccessFiles {
public:
    /// Throws UsageError that names the file and the place or the member: no JSON or TOML, a member that
    /// comes twice or that there is not, a value over the schema's limits, an entity that is in the files
    /// twice. Throws Failure for files that cannot be read.
    explicit AccessFiles(const std::filesystem::path& folder);

    [[nodiscard]] const v1::AccessConfiguration& configuration() const noexcept { return configuration_; }

    /// What the daemon says is wrong with an entity ("user 'zed': inline policy 'p': Invalid effect ... (line
    /// 1, column 48)", docs/protocol.md), with its place in the files before it. A place in a document that
    /// is an object in the file becomes the one in the file. Other messages stay as they are.
    [[nodiscard]] std::string located(const std::string& message) const;

private:
    struct File {
        File(std::filesystem::path name, std::string bytes);
        File(const File&) = delete;
        File& operator=(const File&) = delete;
        ~File() = default;

        std::filesystem::path path;
        std::string text;  ///< of a TOML file: the same as JSON
        JsonText json;
        /// Of a TOML file's values; what is not there has no place of its own.
        std::unordered_map<const boost::json::value*, TextPlace> places{};
        bool toml = false;
    };
    struct Entity {
        const File* file = nullptr;
        const boost::json::value* object = nullptr;
    };

    void add_file(const File& file);
    template <class Message>
    void add(const File& file, const boost::json::value& object, const std::string& path, Message& message);
    [[nodiscard]] static std::string place(const File& file, const boost::json::value& value);
    [[nodiscard]] static std::string place_in(const File& file, const boost::json::value& document,
                                              std::size_t column);

    std::deque<File> files_;
    v1::AccessConfiguration configuration_;
    std::map<std::string, Entity, std::less<>> entities_;  ///< by "user 'zed'"
};

}  // namespace coffer::cli
