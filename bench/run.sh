#!/usr/bin/env bash
# Measures Coffer on this machine: the bare token, the bare database, connections, and the appliance, each
# with 1, 8 and 64 operations in flight, on an appliance of its own that is deleted afterwards. What the
# figures mean: docs/benchmarks.md.
#
#   bench/run.sh [--seconds N] [--json FILE] [--tokens LIST] [--secrets LIST] [--plot FILE] [--build DIR]
#
#   --seconds N     for each figure (default 3)
#   --json FILE     write the figures there
#   --tokens LIST   softhsm2, nss or softhsm2,nss (default: both)
#   --secrets LIST  also measure with that many secrets stored, e.g. 1000,100000,1000000: how cost grows.
#                   Storing a million takes some ten minutes
#   --plot FILE     write a picture (SVG) of that
#   --build DIR     the build folder, of an optimised build (default build/release); built first
#
# Close other programs before: the figures are this machine's, and everything shares its processors.
set -euo pipefail

# shellcheck disable=SC2034
program_name=bench/run.sh
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=/dev/null
. "$root/deploy/lib/common.sh"
usage() { sed -n '2,/^set -euo/{/^set/d;s/^# \{0,1\}//p}' "$0"; }

seconds=3 json='' tokens=softhsm2,nss growth='' plot='' build="$root/build/release"
while [ $# -gt 0 ]; do
  case $1 in
    -h|--help) usage; exit 0 ;;
    --seconds|--json|--tokens|--secrets|--plot|--build)
      [ $# -ge 2 ] && [ -n "$2" ] || fail "$1 needs a value (try --help)"
      case $1 in
        --seconds) seconds=$2 ;; --json) json=$2 ;; --tokens) tokens=$2 ;;
        --secrets) growth=$2 ;; --plot) plot=$2 ;; --build) build=$2 ;;
      esac
      shift ;;
    *) fail "'$1' is not known here (try --help)" ;;
  esac
  shift
done
[[ $seconds =~ ^[0-9]+(\.[0-9]+)?$ ]] || fail "--seconds takes a number, not '$seconds'"
[[ $tokens =~ ^(softhsm2|nss)(,(softhsm2|nss))*$ ]] || fail "--tokens takes softhsm2, nss or both with a comma, not '$tokens'"
[[ -z $growth || $growth =~ ^[1-9][0-9]*(,[1-9][0-9]*)*$ ]] || fail "--secrets takes numbers with commas, not '$growth'"
[ -z "$plot" ] || [ -n "$growth" ] || fail "--plot draws what --secrets measures; give both"

# Secrets for the reads that must find nothing cached: far more than the daemon keeps keys or rows of.
cold_secrets=20000

if [ ! -e "$build/CMakeCache.txt" ]; then
  cmake -S "$root" --preset release -B "$build" -DCOFFER_TESTS=OFF -DCOFFER_BENCH=ON >/dev/null
elif ! grep -q '^COFFER_BENCH:BOOL=ON' "$build/CMakeCache.txt"; then # quickstart.sh configures without
  cmake -DCOFFER_BENCH=ON "$build" >/dev/null
fi
cmake --build "$build" --target cofferd coffer-hsm coffer coffer-audit benchmarks >&2

# Short, since PostgreSQL's socket is in it; open to the user that the appliance runs as.
work=$(mktemp -d /tmp/coffer-bench-XXXXXX)
chmod 755 "$work"
mkdir "$work/bin"
cp "$build"/bin/coffer-{token,db,tls}-bench "$build"/bin/coffer-{load,aws-load,bench-report} "$build/bin/coffer" "$work/bin"

appliance() { "$root/deploy/appliance.sh" "$1" --dir "$work/$token" "${@:2}" >&2; }
clean_up() {
  local code=$?
  trap - EXIT
  for token in softhsm2 nss; do
    [ ! -d "$work/$token" ] || appliance destroy --yes || true
  done
  rm -rf "$work"
  exit "$code"
}
trap clean_up EXIT

# As the user that owns the appliance, whose files nobody else may read.
as_owner() {
  if [ "$(id -u)" -eq 0 ]; then setpriv --reuid coffer --regid coffer --clear-groups -- "$@"; else "$@"; fi
}

# The appliance as it comes, but for the limits that a load from one machine and one principal runs into.
tune() {
  printf '\n[limits]\nconnections_per_second = 0\n' >>"$state/etc/cofferd.toml"
  printf '\nmax_connections = 120\n' >>"$state/postgresql/postgresql.conf"
}

# The value of a key of the daemon's configuration or the token's profile, as the appliance writes them.
setting() { sed -n "s/^$1 = \"\(.*\)\"\$/\1/p" "$2"; }

measure_token() {
  local config=$state/etc/cofferd.toml arguments
  arguments=$(setting module_arguments "$state/etc/profile.toml")
  # shellcheck disable=SC2046  # lines of NAME=VALUE
  as_owner env $(cat "$state/etc/environment") "$work/bin/coffer-token-bench" \
    --module "$(setting module "$config")" --token "$(setting token "$config")" --pin-file "$state/token/pin" \
    --arguments "${arguments//\{dir\}/$(setting token_dir "$config")}" --seconds "$seconds"
}

load() {
  as_owner "$work/bin/coffer-load" --endpoint "$COFFER_ENDPOINT" --server-name "$COFFER_SERVER_NAME" \
    --ca "$COFFER_CA_FILE" --certificate "$COFFER_CERT_FILE" --key "$COFFER_KEY_FILE" "$@"
}

# GetSecretValue through the AWS endpoint, as the demo user, who may read what is measured.
aws_load() {
  as_owner "$work/bin/coffer" iam put-user-policy --user-name demo --policy-name bench --policy-document \
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*"}]}' >&2
  as_owner "$work/bin/coffer-aws-load" --port "${AWS_ENDPOINT_URL##*:}" --ca "$AWS_CA_BUNDLE" "$@"
}

daemon_memory_mb() { awk '/^VmRSS:/ { printf "%d", $2 / 1024 }' "/proc/$(cat "$state/run/cofferd.pid")/status"; }

# Rows go to a file, with the token's name in them.
keep() { sed "s/\"token\":\"\"/\"token\":\"$token\"/" | tee -a "$work/rows" | sed 's/^/  /' >&2; }

measure_appliance() {
  local lines
  appliance up --build "$build" --token "$token"
  appliance down
  tune
  measure_token | keep
  appliance up
  lines=$("$root/deploy/appliance.sh" env --dir "$work/$token")
  eval "$lines"
  as_owner "$work/bin/coffer-db-bench" --conninfo "host=$state/run user=coffer dbname=coffer" --seconds "$seconds" | keep
  as_owner "$work/bin/coffer-tls-bench" --port "${COFFER_ENDPOINT##*:}" --ca "$COFFER_CA_FILE" \
    --certificate "$COFFER_CERT_FILE" --key "$COFFER_KEY_FILE" --seconds "$seconds" | keep
  step "storing $cold_secrets secrets"
  load populate --secrets "$cold_secrets" >&2
  load measure --seconds "$seconds" --secrets "$cold_secrets" get_hot get_cold get_cold_key create put list | keep
  aws_load --seconds "$seconds" | keep
  step "cofferd has $(daemon_memory_mb) MB of resident memory"
}

# What the audit journal costs: the same without it.
measure_unaudited() {
  appliance down
  sed -i 's/^\[audit\]$/[audit]\nenabled = false/' "$state/etc/cofferd.toml"
  appliance up
  load measure --seconds "$seconds" --secrets "$cold_secrets" get_hot put --in-flight 64 |
    sed 's/"name":"\([a-z_]*\)"/"name":"\1_unaudited"/' | keep
}

measure_growth() {
  local count stored=0
  for count in ${growth//,/ }; do
    step "storing $count secrets"
    load populate --first "$stored" --secrets "$count" >&2
    stored=$count
    load measure --seconds "$seconds" --secrets "$count" --in-flight 64 --state-secrets get_hot put label_move list | keep
    step "with $count secrets stored cofferd has $(daemon_memory_mb) MB of resident memory"
  done
}

for token in ${tokens//,/ }; do
  state="$work/$token/state"
  measure_appliance
  measure_unaudited
  appliance destroy --yes
  if [ -n "$growth" ]; then
    appliance up --build "$build" --token "$token"
    appliance down
    tune
    appliance up
    eval "$("$root/deploy/appliance.sh" env --dir "$work/$token")"
    measure_growth
    appliance destroy --yes
  fi
done

report=("$work/bin/coffer-bench-report" "$work/rows")
[ -z "$json" ] || report+=(--json "$json")
[ -z "$plot" ] || report+=(--plot "$plot")
"${report[@]}"
