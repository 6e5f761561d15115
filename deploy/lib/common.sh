# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by the scripts in deploy/: messages, and what several parts need. Bash, `set -euo pipefail`.

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; else bold='' dim='' plain=''; fi

# What an appliance runs, as CMake targets and as files of bin/: quickstart.sh builds these, appliance.sh wants them.
programs=(cofferd coffer-runner coffer-hsm coffer coffer-audit)

# One line for each thing that is done; with the time since the start, so that a slow step shows.
step() { printf '%s%6.1fs%s  %s\n' "$dim" "$(seconds_since_start)" "$plain" "$*"; }

fail() {
  printf '%s: %s\n' "${program_name:-coffer}" "$1" >&2
  shift
  [ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/    /' >&2
  exit 1
}

start_us=${EPOCHREALTIME/[.,]/}
seconds_since_start() {
  local us=$((${EPOCHREALTIME/[.,]/} - start_us))
  printf '%d.%d' $((us / 1000000)) $((us / 100000 % 10))
}

need() {
  command -v "$1" >/dev/null || fail "the command '$1' is missing" "install the packages first: deploy/install-packages.sh"
}

# Debian keeps the servers' programs out of PATH, by major version; the newest that is at least 13 is taken.
postgresql_programs() {
  local folder newest=''
  for folder in /usr/lib/postgresql/*/bin; do
    [ -x "$folder/initdb" ] || continue
    local major=${folder#/usr/lib/postgresql/}
    major=${major%/bin}
    [ "$major" -ge 13 ] 2>/dev/null && [ "$major" -gt "${newest:-0}" ] && newest=$major
  done
  [ -n "$newest" ] || fail "no PostgreSQL server of version 13 or newer is installed" \
    "install the packages first: deploy/install-packages.sh"
  printf '/usr/lib/postgresql/%s/bin' "$newest"
}

# The part of a log that was written since it had $2 bytes: what other starts said is no news.
lines_since() { tail -c "+$(($2 + 1))" "$1" 2>/dev/null | tail -n "$3"; }

file_size() { stat -c %s "$1" 2>/dev/null || echo 0; }

# The first folder on the way to $1 that "$2..." (a command prefix, may be empty) cannot enter, if there is one.
closed_folder() {
  local folder='' name
  local -a names
  IFS=/ read -r -a names <<<"${1#/}"
  for name in "${names[@]}"; do
    folder="$folder/$name"
    [ -d "$folder" ] || return 0
    "${@:2}" test -x "$folder" || { printf '%s' "$folder"; return 0; }
  done
}

# The pid in file $1, on its first line, if that process has $2 in its command line: a pid alone may have been given to
# another process since, and a dead process that nobody collects (a zombie, in a container without an init) has none.
running_pid() {
  local pid
  { IFS= read -r pid <"$1"; } 2>/dev/null || return 1
  [ -r "/proc/$pid/cmdline" ] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "$2" || return 1
  printf '%s' "$pid"
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A port of the loopback interface on which nothing listens, below the range that the kernel gives out.
free_port() {
  local port tries
  for tries in {1..100}; do
    port=$((20000 + RANDOM % 12000))
    port_is_taken "$port" || { printf '%s' "$port"; return; }
  done
  fail "no free port found on 127.0.0.1 between 20000 and 31999 after $tries tries"
}

# http_get PORT PATH: the status code on the first line, then the body. Fails when nobody answers.
http_get() {
  local line code
  exec 4<>"/dev/tcp/127.0.0.1/$1" || return 1
  printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$2" >&4
  IFS= read -r -t 5 line <&4 || { exec 4>&-; return 1; }
  code=${line#* }
  printf '%s\n' "${code%% *}"
  while IFS= read -r -t 5 line <&4 && [ "$line" != $'\r' ]; do :; done
  timeout 5 cat <&4 | tr -d '\r'
  exec 4>&-
}
