#!/usr/bin/env bash
# Thousands of connections that send garbage, before and after the TLS handshake, leave the daemon's memory and its
# other clients alone.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up
printf 'value' | coffer put hostile/a >/dev/null
resident_kib() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(daemon_pid)/status"; }

# What a scanner sends: bytes that are no TLS, and a connection that is closed at once.
host=${COFFER_ENDPOINT%:*} port=${COFFER_ENDPOINT##*:}
garbage() {
  local i
  for ((i = 0; i < $1; i++)); do
    { printf 'GET / HTTP/1.0\r\n\r\n%s' "$i" >"/dev/tcp/$host/$port"; } 2>/dev/null || true
  done
}
# How much memory connections hold at a time depends on the machine; what a leak adds does not, and it adds to every round.
rounds=5
connections=1000 # of each of two peers
least=
for ((round = 1; round <= rounds; round++)); do
  before=$(resident_kib)
  garbage "$connections" &
  peers=($!)
  garbage "$connections" &
  peers+=($!)
  # shellcheck disable=SC2034  # read by support.sh
  background=("${peers[@]}")
  for _ in {1..10}; do
    got=$(coffer get hostile/a) || fail "another client was refused in round $round"
    [ "$got" = value ] || fail "another client read '$got' in round $round"
  done
  wait "${peers[@]}"
  background=()
  grown=$(($(resident_kib) - before))
  what "$((2 * connections)) bad connections, and other clients are served meanwhile: $grown KiB more than before"
  [ -n "$least" ] && [ "$least" -le "$grown" ] || least=$grown
done
# A leak of 1 KiB for each connection would be 2,000 KiB in each round.
[ "$least" -lt 1000 ] || fail "memory grows with the number of bad connections: by $least KiB or more in each of $rounds rounds"
expect_equal "and afterwards" value "$(coffer get hostile/a)"
