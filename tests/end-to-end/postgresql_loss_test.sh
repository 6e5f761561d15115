#!/usr/bin/env bash
# PostgreSQL is stopped, killed and started again under load: every request succeeds or gets an error that may be
# retried, the daemon is not restarted, nothing acknowledged is lost.
# shellcheck source=support.sh
. "$(dirname "$0")/support.sh"

bring_up
pg=$(postgresql_programs)
daemon=$(daemon_pid)
postgres() { as_owner "$pg/pg_ctl" "$1" -w -D "$state/postgresql" "${@:2}" >/dev/null; }
# When the server last began to take connections, by its own log, in seconds since the epoch.
accepts_since() {
  date +%s.%3N --date "$(sed -n 's/^\([0-9-]* [0-9:.]* [A-Z]*\) .*ready to accept connections.*/\1/p' "$state/log/postgresql.log" | tail -n 1)"
}

start_load
for mode in fast immediate fast; do
  wait_until "writes go on" load_goes_on
  postgres stop -m "$mode"
  is_not_ready() { [ "$(http_get "$metrics_port" /readyz | head -n 1)" = 503 ]; }
  wait_until "the daemon says that it is not ready" is_not_ready
  expect_equal "it lives" 200 "$(http_get "$metrics_port" /healthz | head -n 1)"
  sleep 1
  postgres start -l "$state/log/postgresql.log"
  seen=$(acknowledged)
  wait_until "writes go on after stop -m $mode" load_goes_on
  # Within a tenth of a second or two: that is how often the load reports, and how often it is looked at.
  what "stop -m $mode: the next write was acknowledged $(awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $(accepts_since) }") s after the server took connections again"
done
stop_load
expect_equal "the daemon was never restarted" "$daemon" "$(daemon_pid)"
process_runs "$daemon" || fail "the daemon is gone"

# ---- a start while the database is away: systemd is asked, again and again, for more time than its unit gives ------------

kill -TERM "$daemon"
daemon_is_gone() { ! process_runs "$daemon"; }
wait_until "the daemon ends" daemon_is_gone
postgres stop -m fast
mkdir -m 777 "$work/notify"
python3 - "$work/notify" <<'PYTHON' &
import os, socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1] + "/socket")
os.chmod(sys.argv[1] + "/socket", 0o777)
with open(sys.argv[1] + "/heard", "w") as heard:
    while True:
        heard.write(receiver.recv(65536).decode().replace("\n", " ") + "\n")
        heard.flush()
PYTHON
background+=("$!")
wait_until "there is a service manager" test -S "$work/notify/socket"
program="$dir/program/bin/cofferd" # of root's appliances
[ -x "$program" ] || program="$build/bin/cofferd"
mapfile -t variables <"$state/etc/environment"
owner=(env)
[ "$(id -u)" -ne 0 ] || owner=(setpriv --reuid coffer --regid coffer --clear-groups -- env)
"${owner[@]}" "${variables[@]}" NOTIFY_SOCKET="$work/notify/socket" "$program" run --config "$state/etc/cofferd.toml" 2>"$work/start.out" &
daemon=$!
background+=("$daemon")
asked() { [ "$(grep -c '^STATUS=waiting for the database: .* EXTEND_TIMEOUT_USEC=6[0-9]000000$' "$work/notify/heard")" -ge 3 ]; }
wait_until "each try asks for time" asked
what "each try asks for time"
expect_equal "it is not ready" 503 "$(http_get "$metrics_port" /readyz | head -n 1)"
postgres start -l "$state/log/postgresql.log"
is_ready() { grep -q '^READY=1 ' "$work/notify/heard"; }
wait_until "it serves when the database is there" is_ready
what "it serves when the database is there"
kill -TERM "$daemon"
wait "$daemon" || fail "the daemon ends well" "$(tail -n 5 "$work/start.out")"
expect_contains "its end asks for the time that it may take" "STOPPING=1 STATUS=draining EXTEND_TIMEOUT_USEC=80000000" "$(cat "$work/notify/heard")"
