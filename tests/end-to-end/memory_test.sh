#!/usr/bin/env bash
# After a marked value was written and read, neither it nor the PIN is in the database, in its files, or in the
# memory of the idle daemon.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

command -v gcore >/dev/null || skip "gdb is not installed"
[ "$(id -u)" -eq 0 ] || skip "the daemon is not dumpable: only root can take its memory"

bring_up

# Random, so that it is in no program's text; it reaches this shell's memory and that of the clients, not their
# command lines.
marker="marked-$(openssl rand -hex 24)"
pin=$(<"$state/token/pin")

for i in 1 2 3 4 5; do
  printf '%s' "$marker" | coffer put "memory/$i" >/dev/null
  printf '{"password":"%s"}' "$marker" | coffer put "memory/json-$i" >/dev/null
  [ "$(coffer get "memory/$i")" = "$marker" ] || fail "the marked value did not come back"
  coffer get-secret-value --secret-id "memory/json-$i" >/dev/null
done
coffer batch-get-secret-value --secret-id-list memory/1 memory/2 memory/json-3 >/dev/null
coffer get memory/none >/dev/null 2>&1 || true

# The patterns go to grep through a file: they are in no command line either.
(umask 077; printf '%s\n' "$marker" >"$work/marker"; printf '%s\n' "$pin" >"$work/pin")
occurrences() { grep -a -o -F -f "$2" "$1" | wc -l; }

dump_memory() {
  gcore -o "$work/core" "$1" >"$work/gcore.log" 2>&1 || return 1
  [ -s "$work/core.$1" ]
}

# Proof that the method finds what is there: this shell holds both in variables.
dump_memory $$ || skip "memory cannot be dumped here (ptrace is forbidden): $(tail -n 1 "$work/gcore.log")"
[ "$(occurrences "$work/core.$$" "$work/marker")" -gt 0 ] || fail "the search does not find a value that is there"
rm "$work/core.$$"

pid=$(daemon_pid)
dump_memory "$pid" || skip "memory cannot be dumped here (ptrace is forbidden): $(tail -n 1 "$work/gcore.log")"
expect_equal "the marked value is not in the daemon's memory" 0 "$(occurrences "$work/core.$pid" "$work/marker")"
expect_equal "the PIN is not in the daemon's memory" 0 "$(occurrences "$work/core.$pid" "$work/pin")"
rm "$work/core.$pid"
expect_equal "the daemon goes on" "$marker" "$(coffer get memory/1)"

pg_dump "$conninfo" >"$work/dump.sql"
grep -q memory/json-1 "$work/dump.sql" || fail "the dump does not hold the secrets' rows"
expect_equal "the marked value is not in the database" 0 "$(occurrences "$work/dump.sql" "$work/marker")"
hex=$(od -An -tx1 -v <<<"$marker" | tr -d ' \n')
expect_equal "nor in hexadecimal" 0 "$(grep -c -F "${hex%0a}" "$work/dump.sql" || true)"

appliance down >/dev/null
files=$(grep -r -l -a -F -f "$work/marker" "$state" || true)
expect_equal "the marked value is in no file of the appliance" "" "$files"
files=$(grep -r -l -a -F -f "$work/pin" "$state" || true)
expect_equal "the PIN is in its own file only" "$state/token/pin" "$files"
