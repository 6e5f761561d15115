# shellcheck shell=bash disable=SC2034
# Sourced by the end-to-end tests: an appliance in a temporary folder, checks that say what they expected, and
# what is needed to damage things. Each test is called with --build DIR (the build folder) and --token KIND.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program_name=$(basename "$0")
# shellcheck source=/dev/null
. "$root/deploy/lib/common.sh"

build='' token=softhsm2
while [ $# -gt 0 ]; do
  case "$1" in
    --build) build=$2; shift 2 ;;
    --token) token=$2; shift 2 ;;
    *) break ;;
  esac
done
[ -n "$build" ] || fail "--build DIR is missing"

# Short, since PostgreSQL's socket is in it; open to the user that the appliance runs as.
work=$(mktemp -d /tmp/coffer-e2e-XXXXXX)
chmod 755 "$work"
dir="$work/a"
state="$dir/state"

appliance() { "$root/deploy/appliance.sh" "$1" --dir "$dir" "${@:2}"; }

# Commands that clean_up runs first. The only trap is this one: in another, before clean_up, $? would be that of the command
# before it, and a test that failed would pass.
at_end=()
background=()
clean_up() {
  local code=$? command
  trap - EXIT
  set +e
  for command in "${at_end[@]}"; do $command >/dev/null 2>&1; done
  for pid in "${background[@]}"; do kill "$pid" 2>/dev/null; done
  wait
  if [ "$code" -ne 0 ] && [ "$code" -ne 77 ]; then
    printf '\n-- %s failed; the last lines of the logs:\n' "$program_name"
    tail -n 30 "$state/log/cofferd.log" "$state/log/postgresql.log" 2>/dev/null
  fi
  [ ! -d "$dir" ] || appliance destroy --yes >/dev/null
  rm -rf "$work"
  exit "$code"
}
trap clean_up EXIT

bring_up() {
  appliance up --build "$build" --token "$token"
  take_environment
}

take_environment() {
  local lines
  lines=$(appliance env)
  eval "$lines"
  metrics_port=$(sed -n 's/^metrics_port=//p' "$state/settings")
  conninfo="host=$state/run user=coffer dbname=coffer"
}

# load_shim VARIABLE=FILE: from its next start the daemon loads tests/hsm-shim, which forwards to the real module. The
# variable is one of the shim's; its FILE is best in $work/shim, where the appliance's user may write.
load_shim() {
  local shim="$work/libcoffer-hsm-shim.so" module
  install -m 755 "$build/lib/libcoffer-hsm-shim.so" "$shim"
  mkdir -m 777 "$work/shim"
  module=$(sed -n 's/^module = "\(.*\)"/\1/p' "$state/etc/cofferd.toml")
  sed -i "s|^module = .*|module = \"$shim\"|" "$state/etc/cofferd.toml"
  printf 'COFFER_SHIM_MODULE=%s\n%s\n' "$module" "$1" >>"$state/etc/environment"
}

daemon_pid() { cat "$state/run/cofferd.pid"; }

# As the user that owns the appliance: for what must not change the owner of a file.
as_owner() {
  if [ "$(id -u)" -eq 0 ]; then setpriv --reuid coffer --regid coffer --clear-groups -- "$@"; else "$@"; fi
}

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$conninfo" -c "$1"; }

# The sum of a counter over all of its labels.
metric() {
  http_get "$metrics_port" /metrics | awk -v name="$1" '$1 == name || index($1, name "{") == 1 { sum += $NF } END { print sum + 0 }'
}

# ---- checks -----------------------------------------------------------------------------------------------

what() { printf '  - %s\n' "$*"; }

expect_equal() {
  [ "$2" = "$3" ] || fail "$1" "expected: $2" "got:      $3"
  what "$1"
}

expect_contains() {
  case "$3" in *"$2"*) ;; *) fail "$1" "expected this in it: $2" "got: $3" ;; esac
  what "$1"
}

# expect_refused WHAT WORDS COMMAND...: the command fails and its error output holds WORDS.
expect_refused() {
  local output
  if output=$("${@:3}" 2>&1 </dev/null); then fail "$1: should have been refused" "got: $output"; fi
  expect_contains "$1" "$2" "$output"
}

# holds [GREP'S OPTIONS] PATTERN: `grep -q` for a pipe. That one ends at its first match, and whoever still writes then fails,
# by which the whole pipe fails.
holds() {
  local text
  text=$(cat)
  grep -q "$@" <<<"$text"
}

# Waits for a condition; the bound is there to end a test that hangs, not to measure.
wait_until() {
  local tries
  for tries in {1..600}; do
    if "${@:2}" >/dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  fail "$1: not within a minute"
}

skip() { printf '%s: skipped: %s\n' "$program_name" "$1"; exit 77; }

# ---- load -------------------------------------------------------------------------------------------------

# start_load: writers and readers in the background (load.cpp), until stop_load. Its output grows while it runs.
start_load() {
  "$build/bin/e2e_load" --workers 8 --answers "$work/answers" >"$work/load.out" 2>&1 &
  load_pid=$!
  background+=("$load_pid")
  wait_until "the load begins" load_goes_on
}

acknowledged() { sed -n 's/^acknowledged \([0-9]*\).*/\1/p' "$work/load.out" | tail -n 1; }

# Writes were acknowledged since the last call.
seen=0
load_goes_on() {
  local now
  process_runs "$load_pid" || fail "the load ended:" "$(tail -n 5 "$work/load.out")"
  now=$(acknowledged)
  [ "${now:-0}" -gt "$seen" ] && seen=$now
}
process_runs() { kill -0 "$1" 2>/dev/null; }

# The load stops, reads everything back, and fails when an acknowledged write is lost or torn, or when a request
# got an error that a client cannot retry.
stop_load() {
  kill -TERM "$load_pid"
  wait "$load_pid" || fail "the load found something wrong:" "$(tail -n 15 "$work/load.out")"
  what "$(tail -n 1 "$work/load.out")"
  background=()
}
