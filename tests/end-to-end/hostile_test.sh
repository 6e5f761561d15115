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
garbage 1000
before=$(resident_kib)
(garbage 5000) &
background+=($!)
(garbage 4000) &
background+=($!)
for _ in {1..50}; do [ "$(coffer get hostile/a)" = value ] || fail "another client was harmed"; done
what "other clients are served meanwhile"
wait
after=$(resident_kib)
what "resident memory: $before KiB after 1,000 connections, $after KiB after 10,000"
# A leak of 1 KiB for each connection would be 9,000 KiB.
[ "$((after - before))" -lt 8192 ] || fail "memory grew with the number of bad connections"
expect_equal "and afterwards" value "$(coffer get hostile/a)"
