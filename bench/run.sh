#!/usr/bin/env bash
# Measures Coffer on this machine: the bare token, the bare database, connections, and the appliance, each
# with 1, 8 and 64 operations in flight, on an appliance of its own that is deleted afterwards. What the
# figures mean: docs/benchmarks.md.
#
#   bench/run.sh [--seconds N] [--json FILE] [--tokens LIST] [--secrets LIST] [--plot FILE] [--rewrap LIST] [--rotate N] [--build DIR]
#
#   --seconds N     for each figure (default 3)
#   --json FILE     write the figures there
#   --tokens LIST   softhsm2, nss or softhsm2,nss (default: both)
#   --secrets LIST  also measure with that many secrets stored, e.g. 1000,100000,1000000: how cost grows.
#                   Storing a million takes some ten minutes
#   --plot FILE     write a picture (SVG) of that
#   --rewrap LIST   also rotate the master key with that many versions stored, e.g. 10000,100000,1000000
#   --rotate N      also rotate the passwords of so many users of a PostgreSQL server, e.g. 1000
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

seconds=3 json='' tokens=softhsm2,nss growth='' plot='' rewrap='' rotate='' build="$root/build/release"
while [ $# -gt 0 ]; do
  case $1 in
    -h|--help) usage; exit 0 ;;
    --seconds|--json|--tokens|--secrets|--plot|--rewrap|--rotate|--build)
      [ $# -ge 2 ] && [ -n "$2" ] || fail "$1 needs a value (try --help)"
      case $1 in
        --seconds) seconds=$2 ;; --json) json=$2 ;; --tokens) tokens=$2 ;;
        --secrets) growth=$2 ;; --plot) plot=$2 ;; --rewrap) rewrap=$2 ;;
        --rotate) rotate=$2 ;;
        --build) build=$2 ;;
      esac
      shift ;;
    *) fail "'$1' is not known here (try --help)" ;;
  esac
  shift
done
[[ $seconds =~ ^[0-9]+(\.[0-9]+)?$ ]] || fail "--seconds takes a number, not '$seconds'"
[[ $tokens =~ ^(softhsm2|nss)(,(softhsm2|nss))*$ ]] || fail "--tokens takes softhsm2, nss or both with a comma, not '$tokens'"
[[ -z $growth || $growth =~ ^[1-9][0-9]*(,[1-9][0-9]*)*$ ]] || fail "--secrets takes numbers with commas, not '$growth'"
[[ -z $rewrap || $rewrap =~ ^[1-9][0-9]*(,[1-9][0-9]*)*$ ]] || fail "--rewrap takes numbers with commas, not '$rewrap'"
[[ -z $rotate || $rotate =~ ^[1-9][0-9]*$ ]] || fail "--rotate takes a number, not '$rotate'"
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
at_end=()
clean_up() {
  local code=$? command
  trap - EXIT
  for command in "${at_end[@]}"; do $command >/dev/null 2>&1 || true; done
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

# What sinks that do not answer cost: HTTPS to one that accepts and is silent, syslog to a port that nobody has.
measure_dead_sinks() {
  local port=$work/silent-$token
  /usr/bin/python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0), backlog=64)
print(s.getsockname()[1], flush=True)
held = []
while True: held.append(s.accept())' >"$port" &
  at_end+=("kill $!")
  while [ ! -s "$port" ]; do sleep 0.1; done
  appliance down
  cat >>"$state/etc/cofferd.toml" <<CONF

[audit.https]
host = "127.0.0.1"
port = $(cat "$port")
path = "/"
ca = "$COFFER_CA_FILE"

[audit.syslog]
host = "127.0.0.1"
port = 1
ca = "$COFFER_CA_FILE"
CONF
  appliance up
  load measure --seconds "$seconds" --secrets "$cold_secrets" get_hot --in-flight 64 |
    sed 's/"name":"get_hot"/"name":"get_hot_sinks_dead"/' | keep
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

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "host=$state/run user=coffer dbname=coffer" -c "$1"; }

# Copies of one version under secrets that nobody reads: for wrapping anew only the data key counts. Their secrets' seals
# are those of another row, so they are gone before anything else is measured.
store_versions() {
  sql "WITH v AS (SELECT v.*, s.seal, s.revision FROM secret_versions v JOIN secrets s ON s.id = v.secret_id LIMIT 1),
    n AS (INSERT INTO secrets (id, name, arn, created, last_changed, revision, seal)
      SELECT gen_random_uuid(), 'rewrap-' || i, 'arn:aws:secretsmanager:local:111122223333:secret:rewrap-' || i, now(), now(),
      v.revision, v.seal FROM v, generate_series(1, $1) i RETURNING id)
    INSERT INTO secret_versions SELECT n.id, v.version_id, v.created, v.kind, v.master_key, v.key_generation, v.wrapped_key,
      v.ciphertext FROM n, v" && sql 'VACUUM ANALYZE secret_versions'
}

measure_rewrap() {
  local count
  for count in ${rewrap//,/ }; do
    step "storing $count versions"
    sql "DELETE FROM secrets WHERE name LIKE 'rewrap-%'"
    store_versions "$count"
    as_owner "$work/bin/coffer" key rotate --wait >&2
    sql "SELECT json_build_object('name', 'rewrap', 'token', '', 'in_flight', 8, 'per_second',
      done / date_part('epoch', ended - started), 'p50_us', 0, 'p99_us', 0, 'secrets', $count)
      FROM rewraps, (SELECT sum(done) AS done FROM rewrap_slices) d" | tr -d ' ' | keep
    # The same with hot reads at the same time.
    if [ "$count" -ge 100000 ]; then
      load measure --seconds "$seconds" --secrets "$cold_secrets" --in-flight 1 get_hot | keep
      as_owner "$work/bin/coffer" key rotate >&2
      load measure --seconds "$seconds" --secrets "$cold_secrets" --in-flight 1 get_hot |
        sed 's/"name":"get_hot"/"name":"get_hot_rewrap"/' | keep
      while [ "$(sql 'SELECT count(*) FROM rewraps WHERE ended IS NULL')" != 0 ]; do sleep 0.5; done
    fi
  done
  sql "DELETE FROM secrets WHERE name LIKE 'rewrap-%'"
}

if [ -n "$rotate" ]; then
  # shellcheck source=rotation.sh
  . "$root/bench/rotation.sh"
  # A server of somebody else's, as the tests have it.
  # shellcheck source=../tests/end-to-end/target_server.sh
  . "$root/tests/end-to-end/target_server.sh"
fi

for token in ${tokens//,/ }; do
  state="$work/$token/state"
  measure_appliance
  [ -z "$rewrap" ] || measure_rewrap
  [ -z "$rotate" ] || measure_rotation "$rotate"
  measure_dead_sinks
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
