#include "client/coffer/steering_variables.hpp"

#include <algorithm>
#include <array>

namespace coffer::cli {

namespace {

constexpr auto kNames = std::to_array<std::string_view>({"ALL_PROXY",
                                                         "APT_CONFIG",
                                                         "AR",
                                                         "AS",
                                                         "AZURE_AUTHORITY_HOST",
                                                         "AZURE_CONFIG_DIR",
                                                         "BOTO_CONFIG",
                                                         "BROWSER",
                                                         "CC",
                                                         "CDPATH",
                                                         "CLASSPATH",
                                                         "COMSPEC",
                                                         "CONDARC",
                                                         "COVERAGE_PROCESS_START",
                                                         "CPP",
                                                         "CPUPROFILE",
                                                         "CREDENTIALS_DIRECTORY",
                                                         "CVS_RSH",
                                                         "CXX",
                                                         "DISPLAY",
                                                         "DJANGO_SETTINGS_MODULE",
                                                         "EDITOR",
                                                         "ENV",
                                                         "EXINIT",
                                                         "FIGNORE",
                                                         "FLASK_APP",
                                                         "FPATH",
                                                         "FREETDSCONF",
                                                         "FTP_PROXY",
                                                         "GETCONF_DIR",
                                                         "GLOBIGNORE",
                                                         "GMON_OUT_PREFIX",
                                                         "GNUPGHOME",
                                                         "GOAUTH",
                                                         "GOCACHE",
                                                         "GODEBUG",
                                                         "GOENV",
                                                         "GOFLAGS",
                                                         "GOINSECURE",
                                                         "GONOSUMDB",
                                                         "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES",
                                                         "GOPATH",
                                                         "GOPRIVATE",
                                                         "GOPROXY",
                                                         "GOROOT",
                                                         "GOSUMDB",
                                                         "GOTOOLCHAIN",
                                                         "GOVCS",
                                                         "GOWORK",
                                                         "GPG_AGENT_INFO",
                                                         "GREP_OPTIONS",
                                                         "GROFF_COMMAND_PREFIX",
                                                         "GUNICORN_CMD_ARGS",
                                                         "GZIP",
                                                         "HEAPPROFILE",
                                                         "HGEDITOR",
                                                         "HGPLAIN",
                                                         "HGRCPATH",
                                                         "HISTFILE",
                                                         "HOME",
                                                         "HOSTALIASES",
                                                         "HTTPS_PROXY",
                                                         "HTTP_PROXY",
                                                         "IFS",
                                                         "INPUTRC",
                                                         "IPYTHONDIR",
                                                         "JAVA",
                                                         "KUBECONFIG",
                                                         "LANGUAGE",
                                                         "LD",
                                                         "LDAPCONF",
                                                         "LDAPRC",
                                                         "LEX",
                                                         "LIBPATH",
                                                         "LIBRARY_PATH",
                                                         "LIBS",
                                                         "LISTEN_FDNAMES",
                                                         "LISTEN_FDS",
                                                         "LISTEN_PID",
                                                         "LLVM_PROFILE_FILE",
                                                         "LOCALDOMAIN",
                                                         "LOCPATH",
                                                         "LOGGING_CONFIG",
                                                         "LV",
                                                         "LYNX_CFG",
                                                         "LYNX_CFG_PATH",
                                                         "MAGIC",
                                                         "MAILCAPS",
                                                         "MAILRC",
                                                         "MAKEFILES",
                                                         "MAKEFLAGS",
                                                         "MAKELEVEL",
                                                         "MANOPT",
                                                         "MANPAGER",
                                                         "MANPATH",
                                                         "MARIADB_PLUGIN_DIR",
                                                         "MORE",
                                                         "MPLCONFIGDIR",
                                                         "MYSQL_TEST_LOGIN_FILE",
                                                         "MYVIMRC",
                                                         "NETRC",
                                                         "NLSPATH",
                                                         "NM",
                                                         "NOTIFY_SOCKET",
                                                         "NO_PROXY",
                                                         "OBJCOPY",
                                                         "PAGER",
                                                         "PATH",
                                                         "PGOPTIONS",
                                                         "PGPASSFILE",
                                                         "PGSERVICE",
                                                         "PGSERVICEFILE",
                                                         "PGSSLCERT",
                                                         "PGSSLCRL",
                                                         "PGSSLCRLDIR",
                                                         "PGSSLKEY",
                                                         "PGSSLROOTCERT",
                                                         "PGSYSCONFDIR",
                                                         "PHPRC",
                                                         "POSIXLY_CORRECT",
                                                         "PROMPT_COMMAND",
                                                         "PS0",
                                                         "PS1",
                                                         "PS2",
                                                         "PS4",
                                                         "PSQLRC",
                                                         "PSQL_EDITOR",
                                                         "PSQL_PAGER",
                                                         "RANLIB",
                                                         "REDISCLI_RCFILE",
                                                         "REQUESTS_CA_BUNDLE",
                                                         "RES_OPTIONS",
                                                         "RSYNC_CONNECT_PROG",
                                                         "RSYNC_RSH",
                                                         "RUSTC",
                                                         "RUSTC_WORKSPACE_WRAPPER",
                                                         "RUSTC_WRAPPER",
                                                         "RUSTDOC",
                                                         "RUSTFLAGS",
                                                         "SCREENRC",
                                                         "SHELL",
                                                         "SHELLOPTS",
                                                         "SHLIB_PATH",
                                                         "SPRING_APPLICATION_JSON",
                                                         "SSH_ASKPASS",
                                                         "SSH_AUTH_SOCK",
                                                         "SSH_SK_PROVIDER",
                                                         "SSLKEYLOGFILE",
                                                         "STRIP",
                                                         "SUDO_ASKPASS",
                                                         "SUDO_EDITOR",
                                                         "SVN_SSH",
                                                         "TAR_OPTIONS",
                                                         "TEMP",
                                                         "TEMPDIR",
                                                         "TERMCAP",
                                                         "TERMINFO",
                                                         "TERMINFO_DIRS",
                                                         "TF_DATA_DIR",
                                                         "TF_PLUGIN_CACHE_DIR",
                                                         "TF_REATTACH_PROVIDERS",
                                                         "TMP",
                                                         "TMPDIR",
                                                         "TNS_ADMIN",
                                                         "TZ",
                                                         "TZDIR",
                                                         "UNZIP",
                                                         "VIRTUAL_ENV",
                                                         "VISUAL",
                                                         "WAYLAND_DISPLAY",
                                                         "WGETRC",
                                                         "XAUTHORITY",
                                                         "XENVIRONMENT",
                                                         "YACC",
                                                         "ZDOTDIR",
                                                         "_JAVA_OPTIONS",
                                                         "all_proxy",
                                                         "ftp_proxy",
                                                         "http_proxy",
                                                         "https_proxy",
                                                         "no_proxy"});

constexpr auto kBeginnings = std::to_array<std::string_view>(
    {"ALSA_",       "ANSIBLE_",  "AWS_",        "BASH",        "BUILDKIT_",  "BUNDLE_",   "BUN_",
     "CARGO_",      "CATALINA_", "CCACHE_",     "CLOUDSDK_",   "CMAKE_",     "COFFER_",   "COMPOSE_",
     "COMPlus_",    "CONDA_",    "CONTAINERS_", "CORECLR_",    "COR_",       "CURL_",     "DBUS_",
     "DEBUGINFOD_", "DENO_",     "DISTCC_",     "DOCKER_",     "DOTNET_",    "DPKG_",     "DYLD_",
     "ELECTRON_",   "EMACS",     "ERL_",        "FONTCONFIG_", "GCC_",       "GCONV_",    "GDK_",
     "GEM_",        "GHC",       "GIO_",        "GIT_",        "GLIBC_",     "GNUTLS_",   "GRADLE_",
     "GST_",        "GTK_",      "GUILE_",      "HELM_",       "JAVA_",      "JDK_",      "JULIA_",
     "JUPYTER_",    "KRB5",      "LDAPTLS_",    "LD_",         "LESS",       "LIBGL_",    "LIBMYSQL_",
     "LUA",         "MAGICK_",   "MALLOC_",     "MAVEN_",      "MESA_",      "MIMALLOC_", "MONO_",
     "MSBUILD",     "NIX_",      "NODE_",       "NPM_CONFIG_", "NSS_",       "NUGET_",    "NVIM_",
     "NVM_",        "OCAML",     "ODBC",        "OMPI_",       "OMP_TOOL",   "OPENSC_",   "OPENSSL_",
     "P11_KIT_",    "PERL",      "PHP_",        "PIP_",        "PKG_CONFIG", "PNPM_",     "POETRY_",
     "PYENV_",      "PYTEST_",   "PYTHON",      "QT_",         "RBENV_",     "RESOLV_",   "RUBY",
     "RUSTUP_",     "R_",        "SBT_",        "SCCACHE_",    "SDL_",       "SOFTHSM",   "SPRING_CONFIG_",
     "SSL_",        "SYSTEMD_",  "TCL",         "TCMALLOC_",   "TF_CLI_",    "TS_NODE_",  "UVICORN_",
     "UV_",         "VALGRIND_", "VIM",         "VK_",         "XDG_",       "YARN_",     "fish_",
     "npm_config_"});

constexpr auto kEnds =
    std::to_array<std::string_view>({"ASKPASS", "CA_BUNDLE", "EDITOR", "FLAGS", "HOME", "OPT", "OPTIONS",
                                     "OPTS", "PAGER", "PATH", "PRELOAD", "PROXY", "_proxy"});

/// Those of them that hold a program's arguments, whichever program it is: KAFKA_OPTS.
constexpr auto kArgumentEnds = std::to_array<std::string_view>({"_FLAGS", "_OPT", "_OPTIONS", "_OPTS"});

constexpr auto kHarmless = std::to_array<std::string_view>(
    {"AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
     "CARGO_REGISTRY_TOKEN", "DOCKER_PASSWORD", "DOCKER_USERNAME", "GEM_HOST_API_KEY", "GIT_PASSWORD",
     "GIT_TOKEN", "GIT_USERNAME", "NODE_AUTH_TOKEN", "NODE_ENV"});

static_assert(std::ranges::is_sorted(kNames) && std::ranges::is_sorted(kBeginnings) &&
              std::ranges::is_sorted(kEnds) && std::ranges::is_sorted(kHarmless));

bool ends_so(std::string_view name, std::span<const std::string_view> ends) {
    return std::ranges::any_of(ends, [name](auto end) { return name.ends_with(end); });
}

}  // namespace

bool steers_programs_prefixed(std::string_view name) {
    if (std::ranges::binary_search(kHarmless, name)) return false;
    return std::ranges::binary_search(kNames, name) ||
           std::ranges::any_of(kBeginnings, [&](auto beginning) { return name.starts_with(beginning); }) ||
           ends_so(name, kArgumentEnds);
}

bool steers_programs(std::string_view name) {
    return steers_programs_prefixed(name) || ends_so(name, kEnds);
}

std::span<const std::string_view> steering_names() {
    return kNames;
}
std::span<const std::string_view> steering_beginnings() {
    return kBeginnings;
}
std::span<const std::string_view> steering_ends() {
    return kEnds;
}
std::span<const std::string_view> harmless_names() {
    return kHarmless;
}

}  // namespace coffer::cli
